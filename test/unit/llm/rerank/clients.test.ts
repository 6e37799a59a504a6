import { CohereClient, CohereClientV2, CohereError } from 'cohere-ai'
import { describe, expect, test } from 'vitest'
import { rerank } from '../../../../src/llm/rerank/index.ts'
import { ID, MESSAGE, readAnswer, readFixture, readRequest, served } from '../openai-given.ts'

const settings = (origin: string) => ({ token: 'test', environment: origin, maxRetries: 0 })
const asks = {
  v1: (origin: string) =>
    new CohereClient(settings(origin)).rerank({
      query: 'q',
      documents: [{ text: 'a' }, 'b'],
      returnDocuments: true,
    }),
  v2: (origin: string) =>
    new CohereClientV2(settings(origin)).rerank({ model: 'm', query: 'q', documents: ['a', 'b'] }),
}

describe.each(['v1', 'v2'] as const)('cohere-ai rerank of %s', version => {
  test('raises an error, once', async () => {
    const error = rerank.error(
      { status: 403, message: MESSAGE, code: 'content_filter' },
      { id: ID, request: undefined },
    )
    const { shown, asked } = await served(
      { ...error, status: 403 },
      (origin): Promise<unknown> => asks[version](origin).catch((raised: unknown) => raised),
    )
    expect(shown).toBeInstanceOf(CohereError)
    expect(shown).toMatchObject({ statusCode: 403, body: { id: ID, message: MESSAGE } })
    expect(asked).toHaveLength(1)
    expect(readRequest(rerank, asked[0]!.body)).toEqual({
      texts: [
        ['user', 'q', ['query']],
        ['tool', 'a', version === 'v1' ? ['documents', 0, 'text'] : ['documents', 0]],
        ['tool', 'b', ['documents', 1]],
      ],
      uninspectable: 0,
    })
  })

  test('shows what this format reads', async () => {
    const body = readFixture('rerank/response-documents.json')
    const { shown } = await served({ contentType: 'application/json', body }, async origin =>
      (await asks[version](origin)).results.map(({ relevanceScore }) => relevanceScore),
    )
    expect(shown).toEqual([0.99, 0.1])
    expect(readAnswer(rerank, body)).toMatchObject({ uninspectable: 0, texts: { length: 3 } })
  })
})
