import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkBlock } from './kinds.ts'
import type { Block } from './page.ts'
import { type Reader, startReader } from './reader.ts'

const block = (info: string, text: string, notes: Block['notes'] = {}): Block => ({
  at: 'page:1',
  info,
  text,
  notes,
})

describe('a block is not let through', () => {
  test.each([
    ['of a kind that nobody knows', block('toml', 'a = 1\n'), /kind "toml" is not checked/],
    ['without a kind', block('', 'anything\n'), /kind "" is not checked/],
    ['as JSON that is none', block('json', '{ "a": }\n'), /JSON/],
    ['as YAML of nobody', block('yaml', 'colour: blue\n'), /neither a config of Weir/],
    ['as a config with a key that there is not', block('yaml', 'server: { lissten: ":1" }\n'), /config/],
    [
      'as a part of a policy with a value that it cannot have',
      block('yaml', 'stream: { delivery: never }\n'),
      /config/,
    ],
    ['as a rule without a use', block('yaml', '- { direction: both }\n'), /use/],
    [
      'as a config that warns',
      block('yaml', 'guardrails: { w: { kind: keywords, words: [a] } }\npolicies: [{ name: p }]\n'),
      /weir warns: guardrail w: no policy uses it/,
    ],
    [
      'as a filter that Envoy does not take',
      block('yaml', 'processing_mode: { request_body_mode: ALL }\n'),
      /ALL/,
    ],
    ['as a query without a metric', block('promql', 'sum(rate(x[5m]))\n'), /no query/],
    ['as cases that are no file', block('yaml', 'cases: []\n'), /case file/],
  ])('%s', async (_, given, problem) => {
    await expect(checkBlock(given)).rejects.toThrow(problem)
  })
})

describe('a reader', () => {
  let reader: Reader
  beforeAll(async () => {
    reader = await startReader({ 'given.txt': 'at 127.0.0.1:9002\n' })
  })
  afterAll(() => reader.stop())

  test('notices a command that fails, and one that does not fail as it should', async () => {
    await expect(reader.follow(block('sh', 'false\necho on\n'))).rejects.toThrow('ended with 1 instead of 0')
    await expect(reader.follow(block('sh', 'true\n', { 'exits with': '1' }))).rejects.toThrow(
      '0 instead of 1',
    )
    await reader.follow(block('sh', 'exit 3\n', { 'exits with': '3' }))
  })

  test('compares what was printed with what the page shows, in its order', async () => {
    await reader.follow(block('sh', 'echo one\necho two-2-two\n'))
    await reader.follow(block('text', 'one\ntwo…two\n'))
    await expect(reader.follow(block('text', 'two…two\none\n'))).rejects.toThrow('did not print:\none')
  })

  test('writes files, and gives every port of a page another number', async () => {
    await reader.follow(block('yaml', 'to: 127.0.0.1:9002\n', { file: 'a.yaml' }))
    await reader.follow(block('sh', 'test "$(cat a.yaml | cut -c5-)" = "$(cat given.txt | cut -c4-)"\n'))
    await reader.follow(block('sh', 'cat a.yaml\n'))
    await reader.follow(block('text', 'to: 127.0.0.1:9002\n'))
    await reader.follow(block('sh', 'grep -c 9002 a.yaml || true\n'))
    await reader.follow(block('text', '0\n'))
  })

  test('does in every terminal what the page says of every terminal', async () => {
    await reader.follow(block('sh', 'say() { echo "said $1"; }\n', { 'every terminal': 'yes' }))
    await reader.follow(block('sh', 'say it\n'))
    await reader.follow(block('text', 'said it\n'))
  })

  test('leaves out what needs a cluster, but not what its output goes to', async () => {
    await reader.follow(block('sh', 'kubectl logs deploy/x | wc -l\nhelm install x \\\n  --wait\n'))
    await reader.follow(block('text', '0\n'))
  })

  test('notices a server that ends instead of serving', async () => {
    const server = block('sh', 'exit 4\n', { serves: 'http://127.0.0.1:10001/' })
    await expect(reader.follow(server)).rejects.toThrow('ended with 4 before')
  })
})
