import { codings, lostEnds } from './codings.ts'
import { config, secrets } from './config.ts'
import { exchanges } from './exchanges.ts'
import { answers, paths, requests, streams } from './formats.ts'
import { arrayFrames, awsFrames, ndjsonFrames, sseFrames } from './framers.ts'
import { disorder, messages } from './messages.ts'
import type { FuzzTarget } from './target.ts'
import { wire } from './wire.ts'

export const TARGETS: readonly FuzzTarget[] = [
  wire,
  sseFrames,
  ndjsonFrames,
  arrayFrames,
  awsFrames,
  requests,
  answers,
  streams,
  paths,
  codings,
  lostEnds,
  exchanges,
  messages,
  disorder,
  config,
  secrets,
]
