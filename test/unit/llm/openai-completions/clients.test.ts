import { createOpenAI } from '@ai-sdk/openai'
import { OpenAI as LangChainOpenAI } from '@langchain/openai'
import { generateText, streamText } from 'ai'
import OpenAI, { APIError, PermissionDeniedError } from 'openai'
import { describe, expect, test } from 'vitest'
import { openaiCompletions } from '../../../../src/llm/openai-completions/index.ts'
import { asked, MESSAGE, positionAfter, readFixture, refusal, served } from '../openai-given.ts'

const MODEL = 'gpt-3.5-turbo-instruct'
const clientAt = (origin: string) => new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 })
const aiModelAt = (origin: string) =>
  createOpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1` }).completion(MODEL)
const langChainAt = (origin: string) =>
  new LangChainOpenAI({
    apiKey: 'sk-test',
    model: MODEL,
    maxRetries: 0,
    configuration: { baseURL: `${origin}/v1` },
  })

/** Each way to ask: the text shown, and how it ended where the client shows that. */
const whole = {
  openai: async (origin: string) => {
    const answer = await clientAt(origin).completions.create({ model: MODEL, prompt: 'x' })
    return [answer.choices[0]?.text, answer.choices[0]?.finish_reason]
  },
  ai: async (origin: string) => {
    const answer = await generateText({ model: aiModelAt(origin), prompt: 'x', maxRetries: 0 })
    return [answer.text, answer.rawFinishReason]
  },
  langchain: async (origin: string) => [await langChainAt(origin).invoke('x'), 'content_filter'],
}
const streamed = {
  openai: async (origin: string) => {
    const events = await clientAt(origin).completions.create({ model: MODEL, prompt: 'x', stream: true })
    let [text, finish] = ['', undefined as string | undefined]
    for await (const { choices } of events) {
      text += choices[0]?.text ?? ''
      finish = choices[0]?.finish_reason ?? finish
    }
    return [text, finish]
  },
  ai: async (origin: string) => {
    const answer = streamText({ model: aiModelAt(origin), prompt: 'x', maxRetries: 0 })
    return [await answer.text, await answer.rawFinishReason]
  },
  langchain: async (origin: string) => {
    let text = ''
    for await (const piece of await langChainAt(origin).stream('x')) text += piece
    return [text, 'content_filter']
  },
}

describe.each(['openai', 'ai', 'langchain'] as const)('%s', client => {
  test('shows a whole refusal', async () => {
    const { shown } = await served(openaiCompletions.refusal(refusal(), 'json'), whole[client])
    expect(shown).toEqual([MESSAGE, 'content_filter'])
  })

  test('shows a streamed refusal', async () => {
    const given = refusal({ request: asked({ streamUsage: true }) })
    const { shown } = await served(openaiCompletions.refusal(given, 'event-stream'), streamed[client])
    expect(shown).toEqual([MESSAGE, 'content_filter'])
  })

  test('shows a refusal that goes on', async () => {
    const { at, released } = positionAfter(openaiCompletions, readFixture('openai-completions/text.sse'), 2)
    const rest = openaiCompletions.streamRefusal(refusal(), at)
    const body = Buffer.concat([openaiCompletions.heartbeat, released, rest])
    const { shown } = await served({ contentType: 'text/event-stream', body }, streamed[client])
    expect(shown).toEqual([`The river\n\n${MESSAGE}`, 'content_filter'])
  })
})

test('openai shows every choice of a refusal', async () => {
  const given = refusal({ request: asked({ choices: 2 }) })
  const { shown } = await served(openaiCompletions.refusal(given, 'json'), origin =>
    clientAt(origin).completions.create({ model: MODEL, prompt: ['x', 'y'] }),
  )
  expect(shown.choices.map(({ text }) => text)).toEqual([MESSAGE, MESSAGE])
})

test('openai raises an error of its own class, once', async () => {
  const error = openaiCompletions.error({ status: 403, message: MESSAGE, code: 'content_filter' })
  const { shown, asked: requests } = await served({ ...error, status: 403 }, origin =>
    whole.openai(origin).catch((raised: unknown) => raised),
  )
  expect(shown).toBeInstanceOf(PermissionDeniedError)
  expect(shown).toBeInstanceOf(APIError)
  expect(shown).toMatchObject({ status: 403, code: 'content_filter', message: `403 ${MESSAGE}` })
  expect(requests).toHaveLength(1)
})
