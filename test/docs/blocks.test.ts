import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkBlock } from './kinds.ts'
import { makeTargets, NOT_RUN } from './not-run.ts'
import { type Block, CHECKOUT, guidePages, readPage } from './page.ts'
import { startReader } from './reader.ts'

const pages = guidePages().map(readPage)

function blockOf(page: string, file: string): string {
  const found = readPage(page).blocks.find(({ notes }) => notes.file === file)
  if (found === undefined) throw new Error(`${page} has no block with <!-- file: ${file} -->`)
  return found.text
}

/** What a page may take for granted: files that other pages have the reader make. */
const FILES = {
  'weir.yaml': blockOf('README.md', 'weir.yaml'),
  'cases.yaml': blockOf('docs/en/policy-tests.md', 'cases.yaml'),
  'prompt.json': '{ "model": "m", "messages": [{ "role": "user", "content": "hello" }] }\n',
}

describe.each(pages.filter(({ blocks }) => blocks.length > 0))('$path', page => {
  test.each(page.blocks)('$at holds by itself', checkBlock)

  test('does what it says, from its top to its end', async () => {
    const reader = await startReader(FILES)
    try {
      for (const block of page.blocks) await followed(block, reader.follow(block))
    } finally {
      await reader.stop()
    }
  }, 120_000)
})

async function followed(block: Block, done: Promise<void>): Promise<void> {
  await done.catch((cause: unknown) => {
    throw new Error(`${block.at}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  })
}

test('every make target that a page names is there', () => {
  const targets = makeTargets(readFileSync(`${CHECKOUT}Makefile`, 'utf8'))
  const named = pages.flatMap(({ text }) =>
    [...text.matchAll(/(?:^|`)make ([a-z-]+)/gm)].map(match => match[1]!),
  )
  expect(named.length).toBeGreaterThan(3)
  expect(named.filter(name => !targets.has(name))).toEqual([])
})

test('every command that is not run stands on a page, and has a reason', () => {
  const commands = pages.flatMap(({ blocks }) => blocks.filter(one => one.info === 'sh')).map(one => one.text)
  const lines = commands.flatMap(text => text.split('\n').map(line => line.trim()))
  for (const { command, why } of NOT_RUN) {
    expect(
      lines.some(line => command.test(line)),
      command.source,
    ).toBe(true)
    expect(why).not.toBe('')
  }
})

test('what is not checked at all says why', () => {
  const notes = pages.flatMap(({ blocks }) => blocks.map(block => block.notes['not checked']))
  for (const why of notes.filter(note => note !== undefined)) expect(why.length).toBeGreaterThan(10)
})
