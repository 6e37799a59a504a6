import { describe, expect, test } from 'vitest'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { clean, detectorsOf, failure, useRig } from '../rig.ts'
import { cover, input, numberedWords, segment } from '../segments.ts'
import { contentSafety } from './rig.ts'

const rig = useRig(contentSafety)
const SHIELD = { checks: ['prompt_shield'] }
const ANALYZE = { checks: ['analyze'] }

function toolResults(...texts: readonly string[]): ScanSubject {
  const segments = texts.map((text, message) => segment(text, { message, role: 'tool', kind: 'tool-result' }))
  return { side: 'input', segments }
}

describe('texts over 10,000 characters', () => {
  const text = numberedWords(3000)

  test('are cut, none lost', async () => {
    expect(await rig.scan(input(text))).toMatchObject(clean)
    expect(rig.stub.refusals).toEqual([])
    const { shieldRequests, analyzeRequests } = rig.stub
    const prompts = shieldRequests.map(({ userPrompt }) => userPrompt)
    expect(prompts.every(prompt => prompt.endsWith('. '))).toBe(true)
    expect(cover(text, prompts)).toBe(true)
    const analyzed = analyzeRequests.map(request => request.text)
    expect(cover(text, analyzed)).toBe(true)
  })

  test('exactly as long are one request, also of characters that are two units', async () => {
    await rig.scan(input('a'.repeat(10_000)), ANALYZE)
    expect(rig.stub.analyzeRequests).toHaveLength(1)
    expect(await rig.scan(input('😀'.repeat(10_000)), ANALYZE)).toMatchObject(clean)
    expect(rig.stub.analyzeRequests.every(request => request.text.isWellFormed())).toBe(true)
  })

  test.each([0, 0.5, 1])('are flagged wherever it is (%d)', async place => {
    const filler = 'word '.repeat(8000)
    const at = Math.floor(place * 8000) * 5
    const marked = (marker: string) => `${filler.slice(0, at)}${marker} ${filler.slice(at)}`
    expect(detectorsOf(await rig.scan(input(marked('ATTACK-ME')), SHIELD))).toEqual(['prompt_attack'])
    expect(detectorsOf(await rig.scan(input(marked('HATE-6')), ANALYZE))).toEqual(['hate severity_6'])
    expect(detectorsOf(await rig.scan(toolResults(marked('ATTACK-ME')), SHIELD))).toEqual([
      'prompt_attack/document',
    ])
    expect(rig.stub.refusals).toEqual([])
  })

  test('parts that fail leave no verdict', async () => {
    rig.stub.fail('analyze', { kind: 'status', status: 429 })
    expect(await rig.scan(input(text), ANALYZE)).toMatchObject(failure('rate-limited'))
  })
})

describe('many texts', () => {
  test('share a request as far as they fit', async () => {
    await rig.scan(input('a'.repeat(6000), 'b'.repeat(3999)), ANALYZE)
    expect(sizes(rig.stub.analyzeRequests.map(request => request.text))).toEqual([3999, 6000])
    await rig.scan(input('a'.repeat(6000), 'b'.repeat(3998), 'c'), ANALYZE)
    expect(sizes(rig.stub.analyzeRequests.slice(2).map(request => request.text))).toEqual([1, 10_000])
    await rig.scan(input(...Array.from({ length: 500 }, () => 'short')), SHIELD)
    expect(rig.stub.shieldRequests).toHaveLength(1)
  })

  test('as documents are five to a request, 10,000 characters in all', async () => {
    await rig.scan(toolResults('1', '2', '3', '4', '5', '6'), SHIELD)
    expect(rig.stub.shieldRequests.map(({ documents }) => documents.length).sort()).toEqual([1, 5])
    await rig.scan(toolResults('a'.repeat(6000), 'b'.repeat(4000), 'c'.repeat(4001)), SHIELD)
    expect(rig.stub.refusals).toEqual([])
    expect(rig.stub.shieldRequests.slice(2).map(({ documents }) => documents.length)).toHaveLength(2)
  })

  test('as documents go with the prompt', async () => {
    const { segments } = toolResults('1', '2', '3', '4', '5', '6')
    await rig.scan({ side: 'input', segments: [...segments, segment('question', { message: 9 })] }, SHIELD)
    const byPrompt = rig.stub.shieldRequests.map(({ userPrompt }) => userPrompt)
    expect([...byPrompt].sort()).toEqual(['', 'question'])
  })
})

describe('over 20 requests', () => {
  // Each takes a request of its own: two of them do not fit into one.
  const long = (requests: number) => input(...Array.from({ length: requests }, () => 'a'.repeat(9000)))

  test('of one check are over the limit, and none is sent', async () => {
    expect(await rig.scan(long(21), ANALYZE)).toMatchObject(failure('over-limit'))
    expect(rig.stub.analyzeRequests).toHaveLength(0)
    expect(await rig.scan(long(20), ANALYZE)).toMatchObject(clean)
    expect(rig.stub.analyzeRequests).toHaveLength(20)
  })

  test('of both checks together as well', async () => {
    expect(await rig.scan(long(11))).toMatchObject(failure('over-limit'))
    expect(await rig.scan(long(10))).toMatchObject(clean)
  })
})

function sizes(texts: readonly string[]): readonly number[] {
  return texts.map(text => text.length).sort((a, b) => a - b)
}
