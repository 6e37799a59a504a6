import { assertNever, WeirError } from '../../errors.ts'
import type { Finding, RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import type { JsonAnswer, PostJson } from '../http-client.ts'
import { analysisOf, analyzeBody, analyzeFindings } from './analyze-answer.ts'
import { askAll } from './ask-all.ts'
import type { AzureContentSafetyConfig } from './config.ts'
import { configSchema } from './config.ts'
import type { Question } from './questions.ts'
import { analyzeQuestions, shieldQuestions } from './questions.ts'
import { shieldFindings } from './shield-answer.ts'

function create(
  name: string,
  config: AzureContentSafetyConfig,
  deps: { readonly postJson: PostJson },
): RemoteGuardrail {
  const headers = authorization(name, config.api_key)
  const analysis = analysisOf(config)
  const post = (operation: string, body: object, signal: AbortSignal) =>
    deps.postJson({
      url: operationUrl(config, operation),
      headers,
      body,
      signal,
      tls: config.ssl_verify ? 'verified' : 'unverified',
    })
  const ask = async (question: Question, signal: AbortSignal): Promise<Verdict> => {
    switch (question.check) {
      case 'prompt_shield': {
        const { userPrompt, documents } = question
        const answer = await post('text:shieldPrompt', { userPrompt, documents }, signal)
        return verdictOf(shieldFindings(answer.json, question), answer)
      }
      case 'analyze': {
        const answer = await post('text:analyze', analyzeBody(question.text, analysis), signal)
        return verdictOf(analyzeFindings(answer.json, analysis), answer)
      }
      default:
        return assertNever(question)
    }
  }
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    scan: async (subject: ScanSubject, signal: AbortSignal) =>
      askAll(questions(config.checks, subject), ask, signal),
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

function verdictOf(findings: readonly Finding[], { headers }: JsonAnswer): Verdict {
  const id = headers['apim-request-id']
  const requestId = typeof id === 'string' && /^[\w.:-]{1,128}$/.test(id) ? id : undefined
  return findings.length === 0 ? { kind: 'clean', requestId } : { kind: 'flagged', findings, requestId }
}

/** A key that no header can carry (a line break from a file, say) would fail every scan: better to fail at the start. */
function authorization(name: string, apiKey: string | undefined): Record<string, string> {
  if (apiKey === undefined) return {}
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    const problem = {
      path: `guardrails.${name}.api_key`,
      message: 'holds a space, line break or non-ASCII character',
    }
    throw new WeirError('bad-config', `guardrail ${name}: the api_key cannot be sent`, {
      problems: [problem],
    })
  }
  return { 'ocp-apim-subscription-key': apiKey }
}

/** Azure AI Content Safety: `text:shieldPrompt` for attacks on the model, `text:analyze` for harmful content. */
export const azureContentSafety = {
  configSchema,
  secretKeys: ['api_key'],
  locality: 'remote',
  create,
} as const
