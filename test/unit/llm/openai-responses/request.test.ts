import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LlmRequest } from '../../../../src/llm/format.ts'
import { openaiResponses } from '../../../../src/llm/openai-responses/index.ts'

const wrongShape = { kind: 'undecodable', reason: 'wrong-shape' }

function decode(body: unknown) {
  return openaiResponses.decodeRequest(new TextEncoder().encode(JSON.stringify(body)))
}

function read(body: unknown): LlmRequest {
  const decoded = decode(body)
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

const readItem = (item: unknown) => read({ input: [item] })

/** What an item says: role, kind, text and the place in the item. */
const said = (item: unknown) =>
  readItem(item).segments.map(({ role, kind, text, path }) => [role, kind, text, path.slice(2).join('.')])

test('a request of an agent', () => {
  const file = new URL('../../../fixtures/openai-responses/request-agent.json', import.meta.url)
  expect(openaiResponses.decodeRequest(readFileSync(file))).toEqual({
    kind: 'ok',
    value: {
      model: 'gpt-5',
      streams: true,
      choices: 1,
      structuredOutput: false,
      streamUsage: false,
      // The picture, the encrypted reasoning, the answer before.
      uninspectable: 3,
      segments: [
        { message: 0, role: 'system', kind: 'content', text: 'You are terse.', path: ['instructions'] },
        {
          message: 1,
          role: 'user',
          kind: 'content',
          text: 'What is on this picture?',
          path: ['input', 0, 'content', 0, 'text'],
        },
        {
          message: 2,
          role: 'assistant',
          kind: 'reasoning',
          text: 'A thermometer.',
          path: ['input', 1, 'summary', 0, 'text'],
        },
        {
          message: 3,
          role: 'assistant',
          kind: 'tool-call',
          text: '{"city":"Köln"}',
          syntax: 'json',
          path: ['input', 2, 'arguments'],
        },
        { message: 4, role: 'tool', kind: 'tool-result', text: '12 °C', path: ['input', 3, 'output'] },
        {
          message: 5,
          role: 'assistant',
          kind: 'tool-call',
          text: '{"q":"cold?"}',
          syntax: 'json',
          path: ['input', 4, 'arguments'],
        },
        { message: 6, role: 'tool', kind: 'tool-result', text: 'Ask a local.', path: ['input', 4, 'output'] },
        {
          message: 7,
          role: 'assistant',
          kind: 'content',
          text: 'It is cold.',
          path: ['input', 5, 'content', 0, 'text'],
        },
        { message: 8, role: 'user', kind: 'content', text: 'Thanks', path: ['input', 6, 'content'] },
      ],
    },
  })
})

test('input that is a string is what the user says', () => {
  expect(read({ input: 'x' }).segments).toEqual([
    { message: 0, role: 'user', kind: 'content', text: 'x', path: ['input'] },
  ])
})

describe('roles', () => {
  test.each([
    ['system', 'system', 'content'],
    ['developer', 'developer', 'content'],
    ['user', 'user', 'content'],
    ['assistant', 'assistant', 'content'],
    ['tool', 'tool', 'tool-result'],
    ['root', 'user', 'content'],
    ['constructor', 'user', 'content'],
    [7, 'user', 'content'],
  ])('%s is %s and says %s', (role, expected, kind) => {
    expect(said({ role, content: 'x' })).toEqual([[expected, kind, 'x', 'content']])
  })

  test('a message without one is the user’s', () => {
    expect(said({ type: 'message', content: 'x' })).toEqual([['user', 'content', 'x', 'content']])
    expect(said({ content: 'x' })).toEqual([['user', 'content', 'x', 'content']])
  })
})

const call = (text: string, place: string) => ['assistant', 'tool-call', text, place]
const result = (text: string, place: string) => ['tool', 'tool-result', text, place]

describe('texts of an item', () => {
  test.each<[string, object, readonly (readonly string[])[]]>([
    [
      'a message of the user',
      { role: 'user', content: [{ type: 'input_text', text: 'x' }, 'y'] },
      [
        ['user', 'content', 'x', 'content.0.text'],
        ['user', 'content', 'y', 'content.1'],
      ],
    ],
    [
      'a message of the model',
      {
        type: 'message',
        role: 'assistant',
        content: [
          { type: 'output_text', text: 'x', annotations: [{ type: 'url_citation', title: 't', url: 'u' }] },
          { type: 'refusal', refusal: 'no' },
        ],
      },
      [
        ['assistant', 'content', 'x', 'content.0.text'],
        ['assistant', 'content', 't', 'content.0.annotations.0.title'],
        ['assistant', 'content', 'u', 'content.0.annotations.0.url'],
        ['assistant', 'refusal', 'no', 'content.1.refusal'],
      ],
    ],
    ['an empty message', { role: 'user', content: '' }, []],
    [
      'reasoning',
      {
        type: 'reasoning',
        summary: [{ type: 'summary_text', text: 'a' }],
        content: [{ type: 'reasoning_text', text: 'b' }],
      },
      [
        ['assistant', 'reasoning', 'a', 'summary.0.text'],
        ['assistant', 'reasoning', 'b', 'content.0.text'],
      ],
    ],
    ['function_call', { type: 'function_call', name: 'f', arguments: '{}' }, [call('{}', 'arguments')]],
    [
      'arguments as an object',
      { type: 'function_call', name: 'f', arguments: { a: 'x', b: ['y'] } },
      [call('x', 'arguments.a'), call('y', 'arguments.b.0')],
    ],
    ['function_call_output', { type: 'function_call_output', output: 'x' }, [result('x', 'output')]],
    [
      'function_call_output of parts',
      { type: 'function_call_output', output: [{ type: 'input_text', text: 'x' }] },
      [result('x', 'output.0.text')],
    ],
    ['custom_tool_call', { type: 'custom_tool_call', input: 'x' }, [call('x', 'input')]],
    ['custom_tool_call_output', { type: 'custom_tool_call_output', output: 'x' }, [result('x', 'output')]],
    [
      'mcp_call',
      {
        type: 'mcp_call',
        arguments: '{}',
        output: 'x',
        error: { type: 'http_error', code: 1, message: 'm' },
      },
      [call('{}', 'arguments'), result('x', 'output'), result('m', 'error.message')],
    ],
    [
      'mcp_approval_request',
      { type: 'mcp_approval_request', arguments: '{}', name: 'f' },
      [call('{}', 'arguments')],
    ],
    [
      'mcp_approval_response',
      { type: 'mcp_approval_response', approve: false, reason: 'x' },
      [['user', 'content', 'x', 'reason']],
    ],
    [
      'mcp_list_tools',
      {
        type: 'mcp_list_tools',
        tools: [{ name: 'f', description: 'x', input_schema: { properties: { q: { description: 'y' } } } }],
      },
      [result('x', 'tools.0.description'), result('y', 'tools.0.input_schema.properties.q.description')],
    ],
    [
      'code_interpreter_call',
      { type: 'code_interpreter_call', code: 'x', outputs: [{ type: 'logs', logs: 'y' }] },
      [call('x', 'code'), result('y', 'outputs.0.logs')],
    ],
    [
      'shell_call',
      { type: 'shell_call', action: { commands: ['x', 'y'], timeout_ms: 1 } },
      [call('x', 'action.commands.0'), call('y', 'action.commands.1')],
    ],
    [
      'shell_call_output',
      { type: 'shell_call_output', output: [{ stdout: 'x', stderr: 'y', outcome: { type: 'timeout' } }] },
      [result('x', 'output.0.stdout'), result('y', 'output.0.stderr')],
    ],
    [
      'local_shell_call',
      { type: 'local_shell_call', action: { type: 'exec', command: ['x'], env: { A: 'y' } } },
      [call('x', 'action.command.0'), call('y', 'action.env.A')],
    ],
    ['local_shell_call_output', { type: 'local_shell_call_output', output: 'x' }, [result('x', 'output')]],
    [
      'apply_patch_call',
      { type: 'apply_patch_call', operation: { type: 'create_file', path: 'x', diff: 'y' } },
      [call('x', 'operation.path'), call('y', 'operation.diff')],
    ],
    ['apply_patch_call_output', { type: 'apply_patch_call_output', output: 'x' }, [result('x', 'output')]],
    [
      'computer_call',
      { type: 'computer_call', action: { type: 'type', text: 'x' }, actions: [{ type: 'type', text: 'y' }] },
      [call('x', 'action.text'), call('y', 'actions.0.text')],
    ],
    [
      'web_search_call',
      {
        type: 'web_search_call',
        action: { type: 'search', query: 'x', sources: [{ type: 'url', url: 'u' }] },
      },
      [call('x', 'action.query'), call('u', 'action.sources.0.url')],
    ],
    [
      'file_search_call',
      {
        type: 'file_search_call',
        queries: ['q'],
        results: [{ file_id: 'file-1', filename: 'n', text: 'x', attributes: { id: 'a' } }],
      },
      [
        call('q', 'queries.0'),
        result('n', 'results.0.filename'),
        result('x', 'results.0.text'),
        result('a', 'results.0.attributes.id'),
      ],
    ],
    [
      'tool_search_call',
      { type: 'tool_search_call', arguments: { goal: 'x' } },
      [call('x', 'arguments.goal')],
    ],
    [
      'tool_search_output',
      { type: 'tool_search_output', tools: [{ type: 'function', name: 'f', description: 'x' }] },
      [result('x', 'tools.0.description')],
    ],
    [
      'additional_tools',
      { type: 'additional_tools', role: 'developer', tools: [{ name: 'f', description: 'x' }] },
      [['developer', 'content', 'x', 'tools.0.description']],
    ],
    ['program', { type: 'program', code: 'x', fingerprint: 'f' }, [call('x', 'code')]],
    ['program_output', { type: 'program_output', result: 'x' }, [result('x', 'result')]],
    ['compaction_trigger', { type: 'compaction_trigger' }, []],
  ])('%s', (_, item, expected) => {
    expect(said(item)).toEqual(expected)
    expect(readItem(item).uninspectable).toBe(0)
  })

  test('arguments are JSON source, a custom input is not', () => {
    expect(readItem({ type: 'function_call', arguments: '{}' }).segments).toMatchObject([{ syntax: 'json' }])
    expect(readItem({ type: 'custom_tool_call', input: '{}' }).segments[0]?.syntax).toBeUndefined()
  })

  test('tools, names and settings are no text', () => {
    const tools = [{ type: 'function', name: 'f', description: 'd' }]
    expect(read({ input: [], tools, metadata: { a: 'b' }, user: 'u' }).segments).toEqual([])
  })
})

describe('prompt variables', () => {
  test('are read, each where it stands', () => {
    const variables = { city: 'x', day: { type: 'input_text', text: 'y' }, map: { type: 'input_image' } }
    const request = read({ prompt: { id: 'pmpt_1', variables }, input: 'z' })
    expect(request.segments.map(({ role, text, path }) => [role, text, path])).toEqual([
      ['user', 'x', ['prompt', 'variables', 'city']],
      ['user', 'y', ['prompt', 'variables', 'day', 'text']],
      ['user', 'z', ['input']],
    ])
    // The prompt itself and the picture.
    expect(request.uninspectable).toBe(2)
  })
})

describe('uninspectable', () => {
  test.each([
    ['an image', { role: 'user', content: [{ type: 'input_image', image_url: 'https://example.com' }] }, 1],
    ['a file', { role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }, 1],
    ['sound', { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AA==' } }] }, 1],
    ['an unknown part', { role: 'user', content: [{ type: 'hologram' }, {}] }, 2],
    ['encrypted reasoning', { type: 'reasoning', summary: [], encrypted_content: 'gAAA' }, 1],
    ['reasoning', { type: 'reasoning', summary: [], encrypted_content: null }, 0],
    ['compaction', { type: 'compaction', encrypted_content: 'gAAA' }, 1],
    ['a reference', { type: 'item_reference', id: 'msg_1' }, 1],
    ['a reference without a type', { id: 'msg_1' }, 1],
    ['a reference with null for a type', { id: 'msg_1', type: null }, 1],
    ['a screenshot', { type: 'computer_call_output', output: { type: 'computer_screenshot' } }, 1],
    ['a picture', { type: 'image_generation_call', result: 'AA==' }, 1],
    [
      'a picture that code drew',
      { type: 'code_interpreter_call', outputs: [{ type: 'image', url: 'u' }] },
      1,
    ],
    ['a picture that a tool gave', { type: 'function_call_output', output: [{ type: 'input_image' }] }, 1],
    ['an unknown item', { type: 'hologram' }, 1],
  ])('%s', (_, item, count) => {
    expect(readItem(item).uninspectable).toBe(count)
  })

  test.each([
    ['the answer before', { previous_response_id: 'resp_1' }, 1],
    ['a conversation', { conversation: 'conv_1' }, 1],
    ['a conversation as an object', { conversation: { id: 'conv_1' } }, 1],
    ['a prompt', { prompt: { id: 'pmpt_1' } }, 1],
    ['none of them', { previous_response_id: null, conversation: null, prompt: null }, 0],
  ])('%s', (_, rest, count) => {
    expect(read({ input: 'x', ...rest }).uninspectable).toBe(count)
  })

  test('what looks like text in an unknown item or part is read', () => {
    expect(
      said({ type: 'hologram', content: [{ text: 'a' }], arguments: '{}', output: { b: 'c' }, id: 'x' }),
    ).toEqual([['user', 'content', 'a', 'content.0.text'], call('{}', 'arguments'), result('c', 'output.b')])
    expect(said({ role: 'user', content: [{ type: 'scent', text: 'x' }] })).toEqual([
      ['user', 'content', 'x', 'content.0.text'],
    ])
  })
})

describe('settings', () => {
  test.each([
    [{ stream: true }, true],
    [{ stream: false }, false],
    [{ stream: null }, false],
    [{}, undefined],
  ])('streams: %j', (rest, streams) => {
    expect(read({ input: 'x', ...rest }).streams).toBe(streams)
  })

  test.each([
    [{ text: { format: { type: 'json_schema', name: 'n', schema: {} } } }, true],
    [{ text: { format: { type: 'json_object' } } }, false],
    [{ text: { verbosity: 'low' } }, false],
    [{ text: null }, false],
    [{}, false],
  ])('structuredOutput: %j', (rest, structuredOutput) => {
    expect(read({ input: 'x', ...rest }).structuredOutput).toBe(structuredOutput)
  })

  test.each([
    [{ model: 'm' }, 'm'],
    [{ model: 7 }, undefined],
    [{}, undefined],
  ])('model: %j', (rest, model) => {
    expect(read({ input: 'x', ...rest }).model).toBe(model)
  })
})

describe('undecodable', () => {
  test.each([
    ['a list', []],
    ['null', null],
    ['input missing', { model: 'm', instructions: 'x' }],
    ['input of null', { input: null }],
    ['messages in place of input', { messages: [{ role: 'user', content: 'x' }] }],
    ['input as an object', { input: { role: 'user', content: 'x' } }],
    ['an item that is a string', { input: ['x'] }],
    ['an item that is a list', { input: [[]] }],
    ['an item without anything', { input: [{}] }],
    ['an item with a number for a type', { input: [{ type: 7, content: 'x' }] }],
    ['content of a number', { input: [{ content: 7 }] }],
    ['content of an object', { input: [{ role: 'user', content: { text: 'x' } }] }],
    ['a part of a number', { input: [{ role: 'user', content: [7] }] }],
    ['a text part without text', { input: [{ role: 'user', content: [{ type: 'input_text' }] }] }],
    ['a refusal of a number', { input: [{ role: 'assistant', content: [{ type: 'refusal', refusal: 7 }] }] }],
    ['an output of a number', { input: [{ type: 'function_call_output', output: 7 }] }],
    ['instructions as a list', { input: 'x', instructions: ['y'] }],
    ['a prompt that is a string', { input: 'x', prompt: 'pmpt_1' }],
    ['variables as a list', { prompt: { id: 'pmpt_1', variables: ['x'] } }],
    ['a variable of a number', { prompt: { id: 'pmpt_1', variables: { a: 7 } } }],
    ['stream as a string', { input: 'x', stream: 'true' }],
    ['stream as a number', { input: 'x', stream: 1 }],
  ])('%s', (_, body) => {
    expect(decode(body)).toEqual(wrongShape)
  })

  test('a key that stands twice, which another reader may read differently', () => {
    const twice = new TextEncoder().encode('{"input":"x","input":"y"}')
    expect(openaiResponses.decodeRequest(twice).kind).toBe('undecodable')
  })

  test('the input may be missing where the server has one', () => {
    expect(read({ previous_response_id: 'resp_1' }).segments).toEqual([])
  })

  test('not JSON, not UTF-8, too deep', () => {
    const decodeText = (text: string) => openaiResponses.decodeRequest(new TextEncoder().encode(text))
    expect(decodeText('')).toEqual({ kind: 'undecodable', reason: 'not-json' })
    expect(openaiResponses.decodeRequest(new Uint8Array([0xff]))).toEqual({
      kind: 'undecodable',
      reason: 'not-utf8',
    })
    expect(decodeText(`{"input":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toEqual(wrongShape)
  })
})
