import { createOpenAI } from '@ai-sdk/openai'
import { generateImage } from 'ai'
import OpenAI, { APIError, PermissionDeniedError, toFile } from 'openai'
import { expect, test } from 'vitest'
import { openaiImages } from '../../../../src/llm/openai-images/index.ts'
import { MESSAGE, positionAfter, readFixture, readRequest, refusal, served, value } from '../openai-given.ts'

const clientAt = (origin: string) => new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 })
const error = {
  ...openaiImages.error({ status: 403, message: MESSAGE, code: 'content_filter' }),
  status: 403,
}
const png = () => toFile(Uint8Array.of(0x89, 0x50, 13, 10), 'a.png', { type: 'image/png' })

test.each([
  ['generate', async (client: OpenAI) => client.images.generate({ prompt: 'a', stream: true }), 0],
  [
    'edit',
    async (client: OpenAI) =>
      client.images.edit({
        model: 'gpt-image-1',
        prompt: 'a',
        image: [await png(), await png()],
        stream: true,
      }),
    2,
  ],
] as const)('openai images.%s raises an error in its own words', async (_, ask, pictures) => {
  const { shown, asked } = await served(error, origin =>
    ask(clientAt(origin)).catch((raised: unknown) => raised),
  )
  expect(shown).toBeInstanceOf(PermissionDeniedError)
  expect(shown).toMatchObject({
    status: 403,
    code: 'content_policy_violation',
    type: 'invalid_request_error',
    message: `403 ${MESSAGE}`,
  })
  expect(asked).toHaveLength(1)
  const { body } = asked[0]!
  expect(readRequest(openaiImages, body)).toEqual({
    texts: [['user', 'a', ['prompt']]],
    uninspectable: pictures,
  })
  expect(value(openaiImages.decodeRequest(body)).streams).toBe(true)
})

test('openai images.createVariation has no text', async () => {
  const { asked } = await served(error, async origin =>
    clientAt(origin)
      .images.createVariation({ image: await png() })
      .catch((raised: unknown) => raised),
  )
  expect(readRequest(openaiImages, asked[0]!.body)).toEqual({ texts: [], uninspectable: 1 })
})

test('openai raises the end of a denied stream', async () => {
  const { at, released } = positionAfter(openaiImages, readFixture('openai-images/stream.sse'), 1)
  const body = Buffer.concat([openaiImages.heartbeat, released, openaiImages.streamRefusal(refusal(), at)])
  const { shown } = await served({ contentType: 'text/event-stream', body }, async origin => {
    const seen: string[] = []
    const events = await clientAt(origin).images.generate({ prompt: 'a', stream: true })
    try {
      for await (const event of events) seen.push(event.type)
    } catch (raised) {
      return { seen, raised }
    }
    return { seen, raised: undefined }
  })
  expect(shown.seen).toEqual(['image_generation.partial_image'])
  expect(shown.raised).toBeInstanceOf(APIError)
  expect(shown.raised).toMatchObject({ message: MESSAGE, code: 'content_filter' })
})

test('ai generateImage raises an error', async () => {
  const { shown } = await served(error, origin =>
    generateImage({
      model: createOpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1` }).image('gpt-image-1'),
      prompt: 'a',
      maxRetries: 0,
    }).catch((raised: unknown) => raised),
  )
  expect(shown).toMatchObject({ statusCode: 403, message: MESSAGE })
})
