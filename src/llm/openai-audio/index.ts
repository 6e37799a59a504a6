import type { LlmFormat } from '../format.ts'
import { renderOpenaiError } from '../openai-error.ts'
import { textless } from '../textless.ts'
import { renderRefusal, streamRefusal, TranscriptPosition } from './refusal.ts'
import { decodeSpeechRequest, decodeTranscriptionRequest } from './request.ts'
import {
  claimsSpeechEvent,
  claimsTranscript,
  decodeSpeechResponse,
  decodeTranscript,
  speechShape,
  transcriptionShape,
} from './response.ts'
import { rewrite, rewriteFrame } from './rewrite.ts'
import { openSpeechStream, openTranscriptStream } from './stream.ts'

const heartbeat = new TextEncoder().encode(':\n\n')

/** OpenAI's speech: text in, sound out. */
export const openaiAudioSpeech = {
  ...textless,
  name: 'openai-audio-speech',
  decodeRequest: decodeSpeechRequest,
  shapeOf: speechShape,
  decodeResponse: decodeSpeechResponse,
  openStream: openSpeechStream,
  heartbeat,
  claimsResponse: claimsSpeechEvent,
} satisfies LlmFormat

/**
 * OpenAI's transcriptions and translations: sound in, text out. A denied request gets a transcript that says no, as a
 * denied answer does: the client reads it like any other.
 */
export const openaiAudioTranscription = {
  name: 'openai-audio-transcription',
  decodeRequest: decodeTranscriptionRequest,
  shapeOf: transcriptionShape,
  decodeResponse: decodeTranscript,
  openStream: openTranscriptStream,
  openPosition: () => new TranscriptPosition(),
  refusal: renderRefusal,
  streamRefusal,
  error: error => renderOpenaiError(error),
  rewrite,
  rewriteFrame,
  heartbeat,
  claimsResponse: claimsTranscript,
} satisfies LlmFormat
