import { createOpenAI } from '@ai-sdk/openai'
import { OpenAIEmbeddings } from '@langchain/openai'
import { embed } from 'ai'
import OpenAI, { PermissionDeniedError } from 'openai'
import { expect, test } from 'vitest'
import { embeddings } from '../../../../src/llm/embeddings/index.ts'
import { MESSAGE, readAnswer, readFixture, readRequest, served } from '../openai-given.ts'

const error = { ...embeddings.error({ status: 403, message: MESSAGE, code: 'content_filter' }), status: 403 }
const clientAt = (origin: string) => new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 })

test.each([
  [
    'openai embeddings.create',
    (origin: string) => clientAt(origin).embeddings.create({ model: 'm', input: 'a' }),
    ['input'],
    { status: 403, code: 'content_filter', message: `403 ${MESSAGE}` },
  ],
  [
    'ai embed',
    (origin: string) =>
      embed({
        model: createOpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1` }).embedding('m'),
        value: 'a',
        maxRetries: 0,
      }),
    ['input', 0],
    { statusCode: 403, message: MESSAGE },
  ],
  [
    'langchain embedQuery',
    (origin: string) =>
      new OpenAIEmbeddings({
        apiKey: 'sk-test',
        model: 'm',
        maxRetries: 0,
        configuration: { baseURL: `${origin}/v1` },
      }).embedQuery('a'),
    ['input'],
    { status: 403, message: expect.stringContaining(MESSAGE) },
  ],
])('%s raises an error, once', async (_, ask, path, raised) => {
  const { shown, asked } = await served(
    error,
    (origin): Promise<unknown> => ask(origin).catch((thrown: unknown) => thrown),
  )
  expect(shown).toMatchObject(raised)
  expect(asked).toHaveLength(1)
  expect(readRequest(embeddings, asked[0]!.body)).toEqual({ texts: [['user', 'a', path]], uninspectable: 0 })
})

test('openai raises it as its own class', async () => {
  const { shown } = await served(
    error,
    (origin): Promise<unknown> =>
      clientAt(origin)
        .embeddings.create({ model: 'm', input: [1, 2] })
        .catch((thrown: unknown) => thrown),
  )
  expect(shown).toBeInstanceOf(PermissionDeniedError)
})

test('what the client can read holds no text', async () => {
  const body = readFixture('embeddings/response.json')
  const { shown } = await served({ contentType: 'application/json', body }, origin =>
    clientAt(origin).embeddings.create({ model: 'm', input: ['a', 'b'], encoding_format: 'float' }),
  )
  expect(shown.data).toHaveLength(2)
  expect(readAnswer(embeddings, body)).toEqual({ texts: [], uninspectable: 0 })
})
