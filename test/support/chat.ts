/** Chat completion bodies as an OpenAI-compatible server and its clients send them. */

export const CHAT_HEADERS = {
  ':method': 'POST',
  ':path': '/v1/chat/completions',
  ':authority': 'api.example.com',
  'content-type': 'application/json',
}
export const JSON_ANSWER = { ':status': '200', 'content-type': 'application/json' }
export const STREAM_ANSWER = { ':status': '200', 'content-type': 'text/event-stream' }

export function chatRequest(content: string, extra: Record<string, unknown> = {}): string {
  return JSON.stringify({ model: 'gpt-test', messages: [{ role: 'user', content }], ...extra })
}

export function chatCompletion(content: string): string {
  return JSON.stringify({
    id: 'chatcmpl-up1',
    object: 'chat.completion',
    created: 1_760_000_001,
    model: 'gpt-test-0001',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
  })
}

function chunk(delta: Record<string, unknown>, finish: string | null = null): string {
  const body = {
    id: 'chatcmpl-up1',
    object: 'chat.completion.chunk',
    created: 1_760_000_001,
    model: 'gpt-test-0001',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  }
  return `data: ${JSON.stringify(body)}\n\n`
}

/** The events of a streamed answer, one string each: role, tokens, finish, `[DONE]`. */
export function chatEvents(...tokens: string[]): string[] {
  return [
    chunk({ role: 'assistant', content: '' }),
    ...tokens.map(content => chunk({ content })),
    chunk({}, 'stop'),
    'data: [DONE]\n\n',
  ]
}

/** What a client shows of a streamed answer, and how it ended. */
export function readChatStream(bytes: Uint8Array): {
  text: string
  finish: string | undefined
  done: number
  roles: number
} {
  const out = { text: '', finish: undefined as string | undefined, done: 0, roles: 0 }
  for (const block of new TextDecoder().decode(bytes).split('\n\n')) {
    if (!block.startsWith('data: ')) continue
    if (block === 'data: [DONE]') {
      out.done += 1
      continue
    }
    const parsed: {
      choices: { delta: { content?: string; role?: string }; finish_reason: string | null }[]
    } = JSON.parse(block.slice(6))
    for (const choice of parsed.choices) {
      out.text += choice.delta.content ?? ''
      if (choice.delta.role) out.roles += 1
      out.finish = choice.finish_reason ?? out.finish
    }
  }
  return out
}
