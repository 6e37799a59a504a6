import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openSnapshot } from '../../../src/cli/open-snapshot.ts'
import type { Snapshot } from '../../../src/config/snapshot.ts'
import { findingsIn, input } from '../guardrail/segments.ts'
import { problemsOf, snapshotOf } from './given.ts'

/** What the one guardrail of a snapshot finds in a text. */
function found({ guardrails }: Snapshot, text: string): readonly string[] {
  const guardrail = guardrails.get('g')
  if (guardrail?.locality !== 'local') throw new Error('there is no local guardrail g')
  return findingsIn(guardrail, input(text)).flatMap(({ span }) =>
    span ? [text.slice(span.start, span.end)] : [],
  )
}

const config = (guardrail: string) => `
guardrails: { g: ${guardrail} }
policies: [{ name: p, guardrails: [{ use: g }] }]
`
const WORDS = config('{ kind: keywords, words: [nightfall], words_files: [a.txt, b.txt] }')

describe('files of words', () => {
  test('join the words of the config, one a line, without comments and blank lines', () => {
    const files: Record<string, string> = {
      'a.txt': '\ufeff# rivals\r\n  blue heron \r\n\r\nCodename-7',
      'b.txt': '\n#nothing\ngrey owl\n',
    }
    const snapshot = snapshotOf(WORDS, { readList: path => files[path]! })
    expect(found(snapshot, 'nightfall, blue heron, codename-7, grey owl; rivals nothing')).toEqual([
      'nightfall',
      'blue heron',
      'codename-7',
      'grey owl',
    ])
  })

  test('may be all there is', () => {
    const only = config('{ kind: keywords, words_files: [a.txt] }')
    expect(found(snapshotOf(only, { readList: () => 'owl' }), 'an owl')).toEqual(['owl'])
    expect(problemsOf(only, { readList: () => '# nothing yet\n' })).toEqual([
      'guardrails.g.words: must not be empty',
    ])
  })

  test('change the version of the snapshot with what they hold', () => {
    const version = (text: string) => snapshotOf(WORDS, { readList: () => text }).version
    expect(version('one')).not.toBe(version('two'))
    expect(version('one')).toBe(version('one\n'))
  })

  test('hold the hosts of local-links as well, each to the rule of its list', () => {
    const links = config('{ kind: local-links, allow_domains: [a.example], allow_domains_files: [d.txt] }')
    const snapshot = snapshotOf(links, { readList: () => '*.b.example' })
    expect(found(snapshot, 'https://a.example/ https://x.b.example/ https://c.example/')).toEqual([
      'https://c.example/',
    ])
    expect(problemsOf(links, { readList: () => '# hosts\nb.example\nhttps://c.example/\n' })).toEqual([
      'guardrails.g.allow_domains_files.0: line 3: a domain such as example.com or *.example.com',
    ])
  })

  test.each([
    {
      what: 'a file that is not there',
      guardrail: '{ kind: keywords, words_files: [gone.txt] }',
      problem: 'guardrails.g.words_files.0: the file gone.txt cannot be read: there is no such file',
    },
    {
      what: 'an entry that is too long',
      guardrail: '{ kind: keywords, words: [own], words_files: [long.txt] }',
      problem: 'guardrails.g.words_files.0: line 2: must have at most 1024 characters',
    },
    {
      what: 'more entries than a list may have',
      guardrail: '{ kind: keywords, words_files: [many.txt] }',
      problem: 'guardrails.g.words: must have at most 10000 entries',
    },
    {
      what: 'a list that is none',
      guardrail: '{ kind: keywords, words: own, words_files: [long.txt] }',
      problem: 'guardrails.g.words: must be a list, not text',
    },
    {
      what: 'a path that is empty',
      guardrail: '{ kind: keywords, words_files: [""] }',
      problem: 'guardrails.g.words_files.0: must not be empty',
    },
    {
      what: 'a kind that has none',
      guardrail: '{ kind: local-pii, words_files: [long.txt] }',
      problem: 'guardrails.g.words_files: unknown key',
    },
  ])('refuse $what, and say where', ({ guardrail, problem }) => {
    const files: Record<string, string> = {
      'long.txt': `# long\n${'x'.repeat(1025)}\n`,
      'many.txt': 'w\n'.repeat(10_001),
    }
    const readList = (path: string): string => {
      const text = files[path]
      if (text === undefined) throw Object.assign(new Error(), { code: 'ENOENT' })
      return text
    }
    expect(problemsOf(config(guardrail), { readList })).toContain(problem)
  })
})

describe('files of words on the disk', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-lists-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('are watched, and read again once they have changed', async () => {
    const list = join(folder, 'words.txt')
    const file = join(folder, 'weir.yaml')
    writeFileSync(list, 'heron\n')
    writeFileSync(file, config(`{ kind: keywords, words_files: ["${list}"] }`))
    const opened = await openSnapshot({ file, env: {} })
    try {
      expect([...opened.origins().files.keys()]).toEqual([file, list])
      expect(found(opened.snapshot, 'heron, owl')).toEqual(['heron'])
      expect(await opened.reopen()).toBeUndefined()
      writeFileSync(list, 'owl\n')
      const renewed = await opened.reopen()
      expect(renewed?.changed).toEqual(['lists'])
      expect(found(renewed!.snapshot, 'heron, owl')).toEqual(['owl'])
      expect(found(opened.snapshot, 'heron, owl')).toEqual(['heron'])
    } finally {
      await opened.close()
    }
  })

  test('that cannot be read any more leave the words in use as they are', async () => {
    const list = join(folder, 'words.txt')
    const file = join(folder, 'weir.yaml')
    writeFileSync(list, 'heron\n')
    writeFileSync(file, config(`{ kind: keywords, words_files: ["${list}"] }`))
    const opened = await openSnapshot({ file, env: {} })
    try {
      rmSync(list)
      await expect(opened.reopen()).rejects.toMatchObject({ code: 'bad-config' })
      expect(found(opened.snapshot, 'heron')).toEqual(['heron'])
    } finally {
      await opened.close()
    }
  })
})
