import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LlmFormat, LlmRequest } from '../../../../src/llm/format.ts'
import { gemini, geminiArray, geminiSse, geminiTokenCount } from '../../../../src/llm/gemini/index.ts'

const wrongShape = { kind: 'undecodable', reason: 'wrong-shape' }
const place = { path: '/v1beta/models/gemini-2.5-flash:generateContent', query: '' }

function decode(body: unknown, format: LlmFormat = gemini, path = place.path) {
  return format.decodeRequest(new TextEncoder().encode(JSON.stringify(body)), { path, query: '' })
}

function read(body: unknown, format: LlmFormat = gemini, path = place.path): LlmRequest {
  const decoded = decode(body, format, path)
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

/** The segments without their messages: role, kind, text, path. */
const said = (request: LlmRequest) =>
  request.segments.map(({ role, kind, text, path }) => [role, kind, text, path.join('.')])
const saidBy = (content: unknown) => said(read({ contents: [content] }))
const saidInPart = (part: unknown) =>
  read({ contents: [{ role: 'model', parts: [part] }] }).segments.map(({ kind, text }) => [kind, text])

test('a request of an agent', () => {
  const file = new URL('../../../fixtures/gemini/request-agent.json', import.meta.url)
  const decoded = gemini.decodeRequest(readFileSync(file), place)
  if (decoded.kind !== 'ok') throw new Error(decoded.reason)
  const { segments, ...facts } = decoded.value
  expect(facts).toEqual({
    model: 'gemini-2.5-flash',
    streams: false,
    choices: 2,
    structuredOutput: false,
    streamUsage: false,
    uninspectable: 2,
  })
  expect(
    segments.map(({ message, role, kind, text, path }) => [message, role, kind, text, path.join('.')]),
  ).toEqual([
    [0, 'system', 'content', 'You are terse.', 'systemInstruction.parts.0.text'],
    [1, 'user', 'content', 'What is on this picture?', 'contents.0.parts.0.text'],
    [2, 'assistant', 'reasoning', 'I should ask the tool.', 'contents.1.parts.0.text'],
    [2, 'assistant', 'tool-call', 'Köln', 'contents.1.parts.1.functionCall.args.city'],
    [2, 'assistant', 'tool-call', 'a', 'contents.1.parts.1.functionCall.args.tags.0'],
    [2, 'assistant', 'tool-call', 'b', 'contents.1.parts.1.functionCall.args.tags.1'],
    [3, 'tool', 'tool-result', '12 °C', 'contents.2.parts.0.functionResponse.response.output.text'],
    [4, 'tool', 'tool-result', 'A river.', 'contents.2.parts.1.function_response.response.output'],
    [5, 'user', 'content', 'Go on.', 'contents.2.parts.2.text'],
    [6, 'assistant', 'tool-call', 'print(12)', 'contents.3.parts.0.executableCode.code'],
    [7, 'tool', 'tool-result', '12\n', 'contents.3.parts.1.codeExecutionResult.output'],
    [8, 'assistant', 'content', 'It is cold.', 'contents.3.parts.2.text'],
    [9, 'user', 'content', 'Thanks', 'contents.4.parts.text'],
  ])
})

describe('roles', () => {
  test.each([
    ['user', 'user', 'content'],
    ['model', 'assistant', 'content'],
    ['function', 'tool', 'tool-result'],
    ['system', 'user', 'content'],
    ['constructor', 'user', 'content'],
    [undefined, 'user', 'content'],
    [7, 'user', 'content'],
  ])('%s is %s and says %s', (role, expected, kind) => {
    expect(read({ contents: [{ role, parts: [{ text: 'x' }] }] }).segments).toMatchObject([
      { role: expected, kind },
    ])
  })

  test('an instruction is the system, whatever role it names', () => {
    const systemInstruction = { role: 'user', parts: [{ text: 'x' }] }
    expect(read({ contents: [], systemInstruction }).segments).toMatchObject([{ role: 'system' }])
  })
})

describe('spellings and shapes', () => {
  test.each([
    ['one content', { contents: { parts: [{ text: 'x' }] } }, 'contents.parts.0.text'],
    ['one part', { contents: [{ parts: { text: 'x' } }] }, 'contents.0.parts.text'],
    [
      'an instruction in snake case with one part',
      { contents: [], system_instruction: { parts: { text: 'x' } } },
      'system_instruction.parts.text',
    ],
    [
      'a call in snake case',
      { contents: [{ parts: [{ function_call: { name: 'f', args: { a: 'x' } } }] }] },
      'contents.0.parts.0.function_call.args.a',
    ],
    [
      'a result in snake case',
      { contents: [{ parts: [{ code_execution_result: { output: 'x' } }] }] },
      'contents.0.parts.0.code_execution_result.output',
    ],
  ])('%s', (_, body, path) => {
    expect(read(body).segments.map(segment => [segment.text, segment.path.join('.')])).toEqual([['x', path]])
  })

  test('of two spellings both are read', () => {
    const request = read({
      contents: [{ parts: [{ functionCall: { args: { a: 'x' } }, function_call: { args: { a: 'y' } } }] }],
      systemInstruction: { parts: [{ text: 'p' }] },
      system_instruction: { parts: [{ text: 'q' }] },
    })
    expect(request.segments.map(({ text }) => text)).toEqual(['p', 'q', 'x', 'y'])
  })

  test('null is absent', () => {
    const contents = [{ role: null, parts: [{ text: 'x', functionCall: null, inlineData: null }] }]
    const request = read({ contents, systemInstruction: null, generationConfig: null, cachedContent: null })
    expect(request).toMatchObject({ uninspectable: 0, segments: [{ text: 'x' }] })
  })
})

describe('texts of a part', () => {
  test.each([
    ['text', { text: 'x' }, [['content', 'x']]],
    ['empty text', { text: '' }, []],
    ['a thought', { text: 'x', thought: true }, [['reasoning', 'x']]],
    ['thought, but not true', { text: 'x', thought: 'true' }, [['content', 'x']]],
    ['a signature is no text', { text: 'x', thoughtSignature: 'c2ln' }, [['content', 'x']]],
    ['names are no text', { functionCall: { name: 'f', id: 'i', args: {} } }, []],
    ['no arguments', { functionCall: { name: 'f' } }, []],
    [
      'arguments at any depth',
      { functionCall: { args: { a: 'x', b: [{ c: 'y' }, 7, null], d: '' } } },
      [
        ['tool-call', 'x'],
        ['tool-call', 'y'],
      ],
    ],
    ['arguments that are a string', { functionCall: { args: '{"a":1}' } }, [['tool-call', '{"a":1}']]],
    [
      'streamed arguments in a history',
      { functionCall: { partialArgs: [{ jsonPath: '$.a', stringValue: 'x' }, { numberValue: 7 }, 'y'] } },
      [['tool-call', 'x']],
    ],
    ['a call of a tool of the API', { toolCall: { toolType: 'T', args: { q: 'x' } } }, [['tool-call', 'x']]],
    ['its result', { toolResponse: { response: { r: ['x'] } } }, [['tool-result', 'x']]],
    ['code', { executableCode: { language: 'PYTHON', code: 'x' } }, [['tool-call', 'x']]],
    [
      'what code printed',
      { codeExecutionResult: { outcome: 'OUTCOME_OK', output: 'x' } },
      [['tool-result', 'x']],
    ],
    ['a result that is a string', { functionResponse: { response: 'x' } }, [['tool-result', 'x']]],
    [
      'a transcript',
      { audioTranscription: { text: 'x y', words: [{ word: 'x' }] } },
      [
        ['content', 'x y'],
        ['content', 'x'],
      ],
    ],
  ])('%s', (_, part, expected) => {
    expect(saidInPart(part)).toEqual(expected)
  })

  test('what a tool gave back is a message of its own, whoever says it', () => {
    const result = { functionResponse: { response: { r: 'x' } } }
    const request = read({
      contents: [{ role: 'model', parts: [{ text: 'a' }, result, result, { text: 'b' }] }],
    })
    expect(request.segments.map(({ message, role, text }) => [message, role, text])).toEqual([
      [0, 'assistant', 'a'],
      [1, 'tool', 'x'],
      [2, 'tool', 'x'],
      [3, 'assistant', 'b'],
    ])
  })

  test('the parts of one content are one message', () => {
    const segments = read({
      contents: [{ parts: [{ text: 'a' }, { text: 'b' }] }, { parts: [{ text: 'c' }] }],
    }).segments
    expect(segments.map(({ message }) => message)).toEqual([0, 0, 1])
  })

  test('tools are no text', () => {
    expect(
      read({ contents: [], tools: [{ functionDeclarations: [{ description: 'd' }] }] }).segments,
    ).toEqual([])
  })
})

describe('uninspectable', () => {
  const count = (part: unknown) => read({ contents: [{ parts: [part] }] }).uninspectable
  test.each([
    ['a picture', { inlineData: { mimeType: 'image/png', data: 'AA==' } }, 1],
    ['a picture in snake case', { inline_data: { mime_type: 'image/png', data: 'AA==' } }, 1],
    ['a file', { fileData: { fileUri: 'https://example.com/a.pdf' } }, 1],
    [
      'a picture in a result',
      { functionResponse: { response: { a: 'x' }, parts: [{ inlineData: {} }, {}] } },
      2,
    ],
    ['an unknown part', { hologram: {} }, 1],
    ['nothing', {}, 1],
    ['only settings', { thoughtSignature: 'c2ln' }, 1],
    ['text', { text: 'x' }, 0],
    ['text of a video', { text: 'x', videoMetadata: { fps: 1 } }, 0],
  ])('%s', (_, part, uninspectable) => {
    expect(count(part)).toBe(uninspectable)
  })

  test.each(['cachedContent', 'cached_content', 'continuationToken'])('%s', key => {
    expect(read({ contents: [], [key]: 'cachedContents/1' }).uninspectable).toBe(1)
  })

  test('the text of an unknown part of a result is read and the part counted', () => {
    const request = read({ contents: [{ parts: [{ functionResponse: { parts: [{ text: 'x' }] } }] }] })
    expect(said(request)).toEqual([
      ['tool', 'tool-result', 'x', 'contents.0.parts.0.functionResponse.parts.0.text'],
    ])
    expect(request.uninspectable).toBe(1)
  })
})

describe('settings', () => {
  const withConfig = (generationConfig: unknown) => read({ contents: [], generationConfig })

  test.each([
    [gemini, false],
    [geminiSse, true],
    [geminiArray, true],
    [geminiTokenCount, false],
  ])('$name streams: %s', (format, streams) => {
    expect(read({ contents: [], stream: !streams }, format).streams).toBe(streams)
  })

  test.each([
    [undefined, 1],
    [{}, 1],
    [{ candidateCount: null }, 1],
    [{ candidateCount: 0 }, 1],
    [{ candidateCount: 8 }, 8],
    [{ candidate_count: 3 }, 3],
    [{ candidateCount: '2' }, 2],
    [{ candidateCount: 128 }, 128],
  ])('choices: %j', (config, choices) => {
    expect(withConfig(config).choices).toBe(choices)
  })

  test.each([
    [{ responseMimeType: 'application/json' }, true],
    [{ response_mime_type: 'application/json' }, true],
    [{ responseSchema: { type: 'OBJECT' } }, true],
    [{ responseJsonSchema: {} }, true],
    [{ responseMimeType: 'text/plain' }, false],
    [{}, false],
  ])('structuredOutput: %j', (config, structuredOutput) => {
    expect(withConfig(config).structuredOutput).toBe(structuredOutput)
  })

  test.each([
    ['/v1beta/models/gemini-2.5-flash:generateContent', 'gemini-2.5-flash'],
    [
      '/v1/projects/p/locations/l/publishers/google/models/gemini-3-pro:streamGenerateContent',
      'gemini-3-pro',
    ],
    ['/v1/projects/p/locations/l/endpoints/123:generateContent/', '123'],
    ['/v1beta/tunedModels/mine-1:generateContent', 'mine-1'],
    ['/proxy/models/models/google/gemini-3:generateContent', 'google/gemini-3'],
    ['/v1/models/org:gemini:generateContent', 'org:gemini'],
    ['/v1/models/:generateContent', 'from-body'],
    ['/v1internal:generateContent', 'from-body'],
    ['/generateContent', 'from-body'],
  ])('model of %s', (path, model) => {
    expect(read({ contents: [], model: 'models/from-body' }, gemini, path).model).toBe(model)
  })

  test('no model at all', () => {
    expect(read({ contents: [], model: 7 }, gemini, '/x').model).toBeUndefined()
  })
})

describe('undecodable', () => {
  test.each([
    ['a list', []],
    ['null', null],
    ['contents missing', { systemInstruction: { parts: [{ text: 'x' }] } }],
    ['contents of null', { contents: null }],
    ['contents that are a string', { contents: 'x' }],
    ['a content that is a string', { contents: ['x'] }],
    ['a content that is a list', { contents: [[]] }],
    ['an instruction that is a string', { contents: [], systemInstruction: 'x' }],
    ['a part that is a string', { contents: [{ parts: ['x'] }] }],
    ['parts that are a string', { contents: [{ parts: 'x' }] }],
    ['text of a number', { contents: [{ parts: [{ text: 7 }] }] }],
    ['text of a list', { contents: [{ parts: [{ text: ['x'] }] }] }],
    ['a call that is a string', { contents: [{ parts: [{ functionCall: 'x' }] }] }],
    ['a result that is a list', { contents: [{ parts: [{ functionResponse: ['x'] }] }] }],
    ['a transcript of a number', { contents: [{ parts: [{ audioTranscription: { text: 7 } }] }] }],
    ['a candidateCount of 129', { contents: [], generationConfig: { candidateCount: 129 } }],
    ['a candidateCount of -1', { contents: [], generationConfig: { candidateCount: -1 } }],
    ['a candidateCount of 1.5', { contents: [], generationConfig: { candidate_count: 1.5 } }],
    ['a candidateCount that is a word', { contents: [], generationConfig: { candidateCount: 'two' } }],
  ])('%s', (_, body) => {
    expect(decode(body)).toEqual(wrongShape)
  })

  test('what another reader would read otherwise', () => {
    const decodeText = (text: string) => gemini.decodeRequest(new TextEncoder().encode(text), place)
    expect(decodeText('{"contents":[],"contents":[]}')).toEqual(wrongShape)
    expect(decodeText('{"contents":[],"Contents":[]}')).toEqual(wrongShape)
    expect(decodeText('\uFEFF{"contents":[]}')).toEqual(wrongShape)
  })

  test('not JSON, not UTF-8, too deep', () => {
    const decodeText = (text: string) => gemini.decodeRequest(new TextEncoder().encode(text), place)
    expect(decodeText('')).toEqual({ kind: 'undecodable', reason: 'not-json' })
    expect(gemini.decodeRequest(new Uint8Array([0xff]), place)).toEqual({
      kind: 'undecodable',
      reason: 'not-utf8',
    })
    expect(decodeText(`{"contents":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toEqual(wrongShape)
  })

  test('objects that cannot be made strings of', () => {
    const poison = { toString: 1, valueOf: 1 }
    const parts = [
      { functionCall: { partialArgs: [{ jsonPath: poison, stringValue: 'x' }], willContinue: poison } },
    ]
    expect(saidBy({ role: poison, parts })).toMatchObject([['user', 'tool-call', 'x', expect.any(String)]])
  })
})
