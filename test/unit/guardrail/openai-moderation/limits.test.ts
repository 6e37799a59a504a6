import { describe, expect, test } from 'vitest'
import { clean, detectorsOf, failure, useRig } from '../rig.ts'
import { cover, input, numberedWords } from '../segments.ts'
import { moderation } from './rig.ts'

const rig = useRig(moderation)

describe('long texts', () => {
  test('are cut into inputs of under 2,000 characters, none lost', async () => {
    const text = numberedWords(1000)
    expect(await rig.scan(input(text))).toMatchObject(clean)
    const inputs = rig.stub.requests.flatMap(request => request.input)
    expect(cover(text, inputs)).toBe(true)
    expect(inputs.every(piece => piece.length < 2000 && piece.endsWith('. '))).toBe(true)
  })

  test.each([0, 0.5, 1])('are flagged wherever it is (%d)', async place => {
    const filler = 'word '.repeat(20_000)
    const at = Math.floor(place * 20_000) * 5
    const text = `${filler.slice(0, at)}HATE-ME ${filler.slice(at)}`
    expect(detectorsOf(await rig.scan(input(text)))).toEqual(['hate'])
    expect(rig.stub.refusals).toEqual([])
  })

  test('of many bytes a character are never clipped by the service', async () => {
    const text = Array.from({ length: 50_000 }, (_, index) => String.fromCodePoint(0x10000 + index)).join('')
    expect(await rig.scan(input(text))).toMatchObject(clean)
    expect(rig.stub.refusals).toEqual([])
    const inputs = rig.stub.requests.flatMap(request => request.input)
    expect(cover(text, inputs)).toBe(true)
  })

  test('many messages are several requests', async () => {
    expect(await rig.scan(input(...Array.from({ length: 200 }, (_, index) => `m${index}`)))).toMatchObject(
      clean,
    )
    expect(rig.stub.requests.map(request => request.input.length).sort()).toEqual([32, 32, 32, 32, 32, 32, 8])
  })

  test('over 20 requests are over the limit, and none is sent', async () => {
    const messages = Array.from({ length: 641 }, (_, index) => `m${index}`)
    expect(await rig.scan(input(...messages))).toMatchObject(failure('over-limit'))
    expect(rig.stub.requests).toHaveLength(0)
    expect(await rig.scan(input(...messages.slice(0, 640)))).toMatchObject(clean)
    expect(rig.stub.requests).toHaveLength(20)
  })

  const LONG = 'word '.repeat(20_000)

  test('one part that fails leaves no verdict', async () => {
    rig.stub.failWhere(({ body }) => body.includes('LAST'), { kind: 'status', status: 500 })
    expect(await rig.scan(input(`${LONG}LAST`))).toMatchObject(failure('bad-response'))
    expect(rig.stub.requests.length).toBeGreaterThan(1)
  })

  test('parts that fail do not hide a flagged one', async () => {
    rig.stub.failWhere(({ body }) => !body.includes('HATE'), { kind: 'status', status: 500 })
    expect(detectorsOf(await rig.scan(input(`${LONG}${LONG}HATE-ME`)))).toContain('hate')
    expect(rig.stub.requests.length).toBeGreaterThan(4)
  })

  test('a flagged part does not wait for those that hang', async () => {
    rig.stub.failWhere(({ body }) => !body.includes('HATE'), { kind: 'hang' })
    expect(detectorsOf(await rig.scan(input(`${LONG}HATE-ME`)))).toEqual(['hate'])
    await rig.stub.hungUp
  })
})
