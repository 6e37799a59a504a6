import { z } from 'zod'
import { type ServiceStub, type StubRequest, startJudgingServer } from './judging-server.ts'

/** A text with this in it is a prompt attack. */
export const ATTACK_MARKER = 'FLAG-ME'

const dataItem = z.strictObject({ text: z.string().min(1) })
const METHODS = {
  sanitizeUserPrompt: z.strictObject({ userPromptData: dataItem }),
  sanitizeModelResponse: z.strictObject({
    modelResponseData: dataItem,
    userPrompt: z.string().min(1).optional(),
  }),
}

export interface ModelArmorStubRequest {
  /** Behind `/v1/`, as in `projects/p/locations/l/templates/t:sanitizeUserPrompt`. */
  readonly resource: string
  readonly text: string
  readonly userPrompt: string | undefined
}

export interface ModelArmorStubOptions {
  /** The only token let in; undefined takes requests without one, as a proxy that adds it does. */
  readonly accessToken?: string
  /** `projects/…/templates/…`; another is 404. */
  readonly template: string
}

/** Its origin is without `/v1`. */
export type ModelArmorStub = ServiceStub<ModelArmorStubRequest>

/** Model Armor as google/cloud/modelarmor/v1/service.proto has it, in JSON. */
export async function startModelArmorStub(options: ModelArmorStubOptions): Promise<ModelArmorStub> {
  const requests: ModelArmorStubRequest[] = []
  const server = await startJudgingServer(request => {
    const checked = check(options, request)
    if (typeof checked === 'number') return { status: checked, json: { error: { code: checked } } }
    requests.push(checked)
    return { status: 200, json: judge(checked.text) }
  })
  return { ...server, requests }
}

/** The request, or the status that refuses it. */
function check(
  { accessToken, template }: ModelArmorStubOptions,
  { path, headers, json }: StubRequest,
): ModelArmorStubRequest | number {
  const resource = path.replace(/^\/v1\//, '')
  const [name, method] = resource.split(':')
  if (name !== template) return 404
  if (headers.authorization !== (accessToken && `Bearer ${accessToken}`)) return 401
  if (method === 'sanitizeUserPrompt') {
    const prompt = METHODS.sanitizeUserPrompt.safeParse(json).data
    return prompt ? { resource, text: prompt.userPromptData.text, userPrompt: undefined } : 400
  }
  if (method !== 'sanitizeModelResponse') return 404
  const answer = METHODS.sanitizeModelResponse.safeParse(json).data
  return answer ? { resource, text: answer.modelResponseData.text, userPrompt: answer.userPrompt } : 400
}

const RAN = 'EXECUTION_SUCCESS'
const NO_MATCH = { executionState: RAN, matchState: 'NO_MATCH_FOUND' }

/** All filters ran; prompt attacks by the marker, e-mail addresses by a pattern, with both countings of their places. */
function judge(text: string) {
  const isAttack = text.includes(ATTACK_MARKER)
  const findings = [...text.matchAll(/[\w.]+@[\w.]+\.\w+/g)].map(match => {
    const [before, through] = [text.slice(0, match.index), text.slice(0, match.index + match[0].length)]
    return {
      infoType: 'EMAIL_ADDRESS',
      likelihood: 'VERY_LIKELY',
      location: {
        byteRange: { start: `${Buffer.byteLength(before)}`, end: `${Buffer.byteLength(through)}` },
        codepointRange: { start: `${[...before].length}`, end: `${[...through].length}` },
      },
    }
  })
  const state = (matched: boolean) => (matched ? 'MATCH_FOUND' : 'NO_MATCH_FOUND')
  return {
    sanitizationResult: {
      filterMatchState: state(isAttack || findings.length > 0),
      invocationResult: 'SUCCESS',
      filterResults: {
        csam: { csamFilterFilterResult: NO_MATCH },
        malicious_uris: { maliciousUriFilterResult: NO_MATCH },
        rai: {
          raiFilterResult: {
            ...NO_MATCH,
            raiFilterTypeResults: {
              dangerous: { confidenceLevel: 'LOW_AND_ABOVE', matchState: 'NO_MATCH_FOUND' },
              harassment: { matchState: 'NO_MATCH_FOUND' },
            },
          },
        },
        pi_and_jailbreak: {
          piAndJailbreakFilterResult: {
            executionState: RAN,
            matchState: state(isAttack),
            ...(isAttack ? { confidenceLevel: 'HIGH' } : {}),
          },
        },
        sdp: {
          sdpFilterResult: {
            inspectResult: {
              executionState: RAN,
              matchState: state(findings.length > 0),
              ...(findings.length > 0 ? { findings } : {}),
            },
          },
        },
      },
      sanitizationMetadata: {},
    },
  }
}
