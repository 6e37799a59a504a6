import OpenAI, { PermissionDeniedError } from 'openai'
import { expect, test } from 'vitest'
import { moderations } from '../../../../src/llm/moderations/index.ts'
import { MESSAGE, readRequest, served } from '../openai-given.ts'

test('openai moderations.create raises an error', async () => {
  const error = moderations.error({ status: 403, message: MESSAGE, code: 'content_filter' })
  const { shown, asked } = await served(
    { ...error, status: 403 },
    (origin): Promise<unknown> =>
      new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 }).moderations
        .create({
          input: [
            { type: 'text', text: 'a' },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
          ],
        })
        .catch((raised: unknown) => raised),
  )
  expect(shown).toBeInstanceOf(PermissionDeniedError)
  expect(shown).toMatchObject({ status: 403, code: 'content_filter', message: `403 ${MESSAGE}` })
  expect(readRequest(moderations, asked[0]!.body)).toEqual({
    texts: [['user', 'a', ['input', 0, 'text']]],
    uninspectable: 1,
  })
})
