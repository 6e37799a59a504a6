import { assertNever } from '../../errors.ts'
import type { JsonAnswer, PostJson } from '../../service/http-client.ts'
import { keyHeader } from '../../service/service-config.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { nameOrUndefined } from '../names.ts'
import { askUntilFlagged } from '../pieces.ts'
import { analysisOf, analyzeBody, readAnalysis } from './analyze-answer.ts'
import type { AzureContentSafetyConfig } from './config.ts'
import { configSchema } from './config.ts'
import { guide } from './guide.ts'
import type { Reading } from './reading.ts'
import type { Question } from './request.ts'
import { analyzeQuestions, shieldQuestions } from './request.ts'
import { readShield } from './shield-answer.ts'

function create(
  name: string,
  config: AzureContentSafetyConfig,
  deps: { readonly postJson: PostJson },
): RemoteGuardrail {
  const headers = keyHeader(name, 'ocp-apim-subscription-key', config.api_key)
  const analysis = analysisOf(config)
  const post = (operation: string, body: object, signal: AbortSignal) =>
    deps.postJson({
      url: operationUrl(config, operation),
      headers,
      body,
      signal,
    })
  const ask = async (question: Question, signal: AbortSignal): Promise<Verdict> => {
    switch (question.check) {
      case 'prompt_shield': {
        const { userPrompt, documents } = question
        const answer = await post('text:shieldPrompt', { userPrompt, documents }, signal)
        return verdictOf(readShield(answer.json, question), answer)
      }
      case 'analyze': {
        const answer = await post('text:analyze', analyzeBody(question.text, analysis), signal)
        return verdictOf(readAnalysis(answer.json, analysis), answer)
      }
      default:
        return assertNever(question)
    }
  }
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    // Not text by text: neighbours share a request, and a document is an attack by the prompt that it comes with.
    scan: async (subject: ScanSubject, signal: AbortSignal) =>
      askUntilFlagged(questions(config.checks, subject), ask, signal),
  }
}

function questions(checks: AzureContentSafetyConfig['checks'], subject: ScanSubject): readonly Question[] {
  return [...new Set(checks)].flatMap(check => {
    switch (check) {
      case 'prompt_shield':
        return shieldQuestions(subject)
      case 'analyze':
        return analyzeQuestions(subject)
      default:
        return assertNever(check)
    }
  })
}

function operationUrl({ endpoint, api_version }: AzureContentSafetyConfig, operation: string): string {
  return `${endpoint.replace(/\/+$/, '')}/contentsafety/${operation}?api-version=${api_version}`
}

function verdictOf({ findings, breakdown }: Reading, { headers }: JsonAnswer): Verdict {
  const requestId = nameOrUndefined(headers['apim-request-id'])
  return findings.length === 0
    ? { kind: 'clean', requestId }
    : { kind: 'flagged', findings, requestId, breakdown }
}

/** Azure AI Content Safety: `text:shieldPrompt` for attacks on the model, `text:analyze` for harmful content. */
export const azureContentSafety = {
  configSchema,
  secretKeys: ['api_key'],
  locality: 'remote',
  guide,
  create,
} as const
