import { createOpenAI } from '@ai-sdk/openai'
import { OpenAI as LangChainOpenAI } from '@langchain/openai'
import { APICallError, generateText, streamText } from 'ai'
import OpenAI from 'openai'
import type { ClientDriver, Shown } from '../driver.ts'

const MODEL = 'gpt-3.5-turbo-instruct'
const PATH = '/v1/completions'

const clientAt = (origin: string): OpenAI =>
  new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 })
const aiModelAt = (origin: string) =>
  createOpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1` }).completion(MODEL)
const langChainAt = (origin: string) =>
  new LangChainOpenAI({
    apiKey: 'sk-test',
    model: MODEL,
    maxRetries: 0,
    configuration: { baseURL: `${origin}/v1` },
  })

async function shown(ask: () => Promise<Shown>): Promise<Shown> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof APICallError) {
      return { kind: 'error', status: error.statusCode, message: error.message }
    }
    // LangChain brings a client of its own, whose error classes are not those of the one imported here.
    if (!(error instanceof Error && 'status' in error && typeof error.status === 'number')) throw error
    return { kind: 'error', status: error.status, message: error.message }
  }
}

function completion(text: string, finish: string | null): string {
  return JSON.stringify({
    id: 'cmpl-up1',
    object: 'text_completion',
    created: 1_760_000_001,
    model: `${MODEL}:0001`,
    choices: [{ text, index: 0, logprobs: null, finish_reason: finish }],
    usage: finish === null ? null : { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
  })
}

function base(streams: boolean) {
  return {
    format: 'openai-completions',
    streams,
    request: (prompt: string) => ({
      path: PATH,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, prompt, stream: streams }),
    }),
    answer: (tokens: readonly string[]) =>
      streams
        ? {
            contentType: 'text/event-stream',
            chunks: [
              ...tokens.map(token => `data: ${completion(token, null)}\n\n`),
              `data: ${completion('', 'stop')}\n\n`,
              'data: [DONE]\n\n',
            ],
          }
        : { contentType: 'application/json', chunks: [completion(tokens.join(''), 'stop')] },
  }
}

const denied = { kind: 'answer', finish: 'content_filter', separator: '\n\n' } as const
/** LangChain's completions show their text alone. */
const deniedWithoutFinish = { kind: 'answer', finish: undefined, separator: '\n\n' } as const

const openai: readonly ClientDriver[] = [
  {
    ...base(false),
    name: 'openai completions',
    denied,
    ask: (origin, prompt) =>
      shown(async () => {
        const answer = await clientAt(origin).completions.create({ model: MODEL, prompt })
        const choice = answer.choices[0]
        return { kind: 'answer', text: choice?.text ?? '', finish: choice?.finish_reason }
      }),
  },
  {
    ...base(true),
    name: 'openai completions, stream',
    denied,
    ask: (origin, prompt) =>
      shown(async () => {
        const events = await clientAt(origin).completions.create({ model: MODEL, prompt, stream: true })
        let [text, finish] = ['', undefined as string | undefined]
        for await (const { choices } of events) {
          text += choices[0]?.text ?? ''
          finish = choices[0]?.finish_reason ?? finish
        }
        return { kind: 'answer', text, finish }
      }),
  },
]

const ai: readonly ClientDriver[] = [
  {
    ...base(false),
    name: 'ai generateText of openai.completion',
    denied,
    ask: (origin, prompt) =>
      shown(async () => {
        const answer = await generateText({ model: aiModelAt(origin), prompt, maxRetries: 0 })
        return { kind: 'answer', text: answer.text, finish: answer.rawFinishReason }
      }),
  },
  {
    ...base(true),
    name: 'ai streamText of openai.completion',
    denied,
    ask: (origin, prompt) =>
      shown(async () => {
        let failure: unknown
        const onError = ({ error }: { error: unknown }): void => {
          failure = error
        }
        const answer = streamText({ model: aiModelAt(origin), prompt, maxRetries: 0, onError })
        let text = ''
        for await (const piece of answer.textStream) text += piece
        if (failure !== undefined) throw failure
        return { kind: 'answer', text, finish: await answer.rawFinishReason }
      }),
  },
]

const langchain: readonly ClientDriver[] = [
  {
    ...base(false),
    name: 'langchain OpenAI',
    denied: deniedWithoutFinish,
    ask: (origin, prompt) =>
      shown(async () => ({
        kind: 'answer',
        text: await langChainAt(origin).invoke(prompt),
        finish: undefined,
      })),
  },
  {
    ...base(true),
    name: 'langchain OpenAI, stream',
    denied: deniedWithoutFinish,
    ask: (origin, prompt) =>
      shown(async () => {
        let text = ''
        for await (const piece of await langChainAt(origin).stream(prompt)) text += piece
        return { kind: 'answer', text, finish: undefined }
      }),
  },
]

export const drivers: readonly ClientDriver[] = [...openai, ...ai, ...langchain]
