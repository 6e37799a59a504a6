import { describe, expect, test } from 'vitest'
import { novaMessages } from '../../../../src/llm/bedrock-converse/index.ts'
import {
  bedrockInvoke,
  bedrockInvokeStream,
  llamaText,
  mistralText,
  providerOf,
  titanText,
} from '../../../../src/llm/bedrock-invoke/index.ts'
import type { LlmFormat } from '../../../../src/llm/format.ts'
import { openaiChat } from '../../../../src/llm/openai-chat/index.ts'

const place = { path: '/model/us.meta.llama3-1-70b-instruct-v1:0/invoke', query: '' }
const decode = (format: LlmFormat, body: string) => format.decodeRequest(Buffer.from(body), place)

describe('the model and whether to stream come from the path', () => {
  test.each([
    ['an object', '{"prompt":"x"}'],
    ['with spaces around', '\n{ "prompt" : "x" } \r\n\t'],
    ['that says otherwise', '{"model":"y","stream":"x","prompt":"x"}'],
    ['whose text looks like an end', '{"a":"}","prompt":"x"}'],
  ])('%s', (_, body) => {
    const model = 'us.meta.llama3-1-70b-instruct-v1:0'
    const segments = [{ message: 0, role: 'user', kind: 'content', text: 'x', path: ['prompt'] }]
    expect(decode(bedrockInvoke(llamaText), body)).toMatchObject({
      value: { model, streams: false, segments },
    })
    expect(decode(bedrockInvokeStream(llamaText), body)).toMatchObject({
      value: { model, streams: true, segments },
    })
  })

  test('an empty object', () => {
    expect(decode(bedrockInvokeStream(novaMessages), '{ }')).toMatchObject({ value: { streams: true } })
  })

  test.each([
    ['', 'not-json'],
    ['}', 'not-json'],
    ['{', 'not-json'],
    ['{"a":"}', 'not-json'],
    ['{"a":{"b":1}', 'not-json'],
    ['{"a":1,}', 'not-json'],
    ['{"a":1}}', 'not-json'],
    ['{"a":1}{"b":2}', 'not-json'],
    ['[{"prompt":"x"}]', 'wrong-shape'],
    ['[{}', 'not-json'],
    ['"}"', 'wrong-shape'],
    ['{"prompt":"x","prompt":"y"}', 'wrong-shape'],
    ['{"prompt":"x","Prompt":"y"}', 'wrong-shape'],
  ])('what readers could read in different ways: %s', (body, reason) => {
    expect(decode(bedrockInvoke(llamaText), body)).toEqual({ kind: 'undecodable', reason })
  })

  test("the provider's reader gets the rest as it is", () => {
    const body = '{"messages":[{"role":"user","content":"x"}],"max_tokens":5}'
    expect(decode(bedrockInvoke(openaiChat), body)).toMatchObject({
      value: { segments: [{ text: 'x', path: ['messages', 0, 'content'] }] },
    })
  })
})

describe('text models', () => {
  test.each([
    ['Titan', titanText, '{"inputText":"x","textGenerationConfig":{}}', 'inputText'],
    ['Llama', llamaText, '{"prompt":"x","max_gen_len":5}', 'prompt'],
    ['Mistral', mistralText, '{"prompt":"x"}', 'prompt'],
  ])('%s', (_, format, body, key) => {
    expect(decode(format, body)).toEqual({
      kind: 'ok',
      value: {
        model: undefined,
        streams: undefined,
        choices: 1,
        segments: [{ message: 0, role: 'user', kind: 'content', text: 'x', path: [key] }],
        uninspectable: 0,
        structuredOutput: false,
        streamUsage: false,
      },
    })
    expect(Buffer.from(format.rewrite(Buffer.from(body), [{ path: [key], text: 'y' }])).toString()).toBe(
      body.replace('"x"', '"y"'),
    )
  })

  test.each([
    ['another key', '{"text":"x"}', 'wrong-shape'],
    ['a prompt that is a list', '{"prompt":["x"]}', 'wrong-shape'],
    ['a list', '[]', 'wrong-shape'],
    ['not JSON', 'x', 'not-json'],
  ])('undecodable: %s', (_, body, reason) => {
    expect(decode(llamaText, body)).toEqual({ kind: 'undecodable', reason })
  })

  test('pictures are not read, and an empty prompt is no text', () => {
    expect(decode(llamaText, '{"prompt":"","images":["AA==","BB=="]}')).toMatchObject({
      value: { segments: [], uninspectable: 2 },
    })
  })
})

describe('whose bodies a model takes', () => {
  const arn = 'arn:aws:bedrock:us-east-1'
  test.each([
    ['anthropic.claude-3-5-sonnet-20240620-v1:0', 'anthropic'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'anthropic'],
    ['global.anthropic.claude-opus-4-5-20251101-v1:0', 'anthropic'],
    ['us-gov.anthropic.claude-3-haiku-20240307-v1:0', 'anthropic'],
    [`${arn}::foundation-model/anthropic.claude-3-haiku-20240307-v1:0:200k`, 'anthropic'],
    [`${arn}:123456789012:inference-profile/eu.amazon.nova-lite-v1:0`, 'nova'],
    ['amazon.nova-pro-v1:0', 'nova'],
    ['amazon.titan-text-express-v1', 'titan-text'],
    ['amazon.titan-tg1-large', 'titan-text'],
    ['us.meta.llama3-3-70b-instruct-v1:0', 'llama'],
    ['mistral.mistral-7b-instruct-v0:2', 'mistral-text'],
    ['mistral.mixtral-8x7b-instruct-v0:1', 'mistral-text'],
    ['mistral.mistral-large-2407-v1:0', 'openai-chat'],
    ['us.mistral.pixtral-large-2502-v1:0', 'openai-chat'],
    ['openai.gpt-oss-120b-1:0', 'openai-chat'],
    ['qwen.qwen3-32b-v1:0', 'openai-chat'],
    // Text completions of old, pictures, sound, vectors, and what is not known.
    ['anthropic.claude-v2:1', undefined],
    ['anthropic.claude-instant-v1', undefined],
    ['amazon.nova-canvas-v1:0', undefined],
    ['amazon.nova-2-sonic-v1:0', undefined],
    ['amazon.nova-2-multimodal-embeddings-v1:0', undefined],
    ['amazon.titan-embed-text-v2:0', undefined],
    ['mistral.mistral-large-2402-v1:0', undefined],
    ['cohere.command-r-plus-v1:0', undefined],
    ['deepseek.r1-v1:0', undefined],
    [`${arn}:123456789012:application-inference-profile/a1b2c3d4e5f6`, undefined],
    [`${arn}:123456789012:provisioned-model/anthropic.claude-3`, undefined],
    [`${arn}:123456789012:imported-model/a1b2c3d4e5f6`, undefined],
    ['xanthropic.claude-3', undefined],
  ])('%s: %s', (model, provider) => {
    expect(providerOf(model)).toBe(provider)
  })
})
