import { z } from 'zod'
import { WeirError } from '../errors.ts'
import { AWS_SOURCES } from './sdk-keys.ts'

const secret = z.string().min(1).optional()

/** The keys of every kind that asks Bedrock: where it is, and who asks. */
export function bedrockKeys() {
  return {
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,32}$/)
      .describe('The region that is asked; signatures name it as well.'),
    endpoint: z
      .url({ protocol: /^https?$/ })
      .refine(isPlainUrl, 'must have no credentials, query or fragment')
      .optional()
      .describe('Scheme and host, for VPC endpoints and proxies. Default: the region’s own.'),
    api_key: secret.describe('A Bedrock API key. Either this, an access key, or `credentials`.'),
    access_key_id: secret.describe('Requests are signed with AWS Signature Version 4.'),
    secret_access_key: secret.describe('Belongs to access_key_id.'),
    session_token: secret.describe('For temporary access keys, which are not renewed.'),
    credentials: z
      .enum(AWS_SOURCES)
      .optional()
      .describe(
        'Where the AWS SDK gets temporary credentials, which are renewed: env (AWS_ACCESS_KEY_ID …), file (shared ' +
          'config and credentials files), web_identity (IRSA and other tokens, by STS), pod_identity (EKS and ECS), ' +
          'imds (the instance’s role), chain (the first of these). The SDK’s own variables (AWS_…) apply.',
      ),
    profile: z
      .string()
      .min(1)
      .optional()
      .describe('credentials: file or chain: the profile. Default: AWS_PROFILE, else default.'),
    role_arn: z
      .string()
      .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/, 'must be the ARN of a role')
      .optional()
      .describe(
        'credentials: web_identity: the role of the token, instead of AWS_ROLE_ARN. Others: a role to assume with ' +
          'what was found.',
      ),
    role_session_name: z
      .string()
      .regex(/^[\w+=,.@-]{2,64}$/)
      .optional()
      .describe('How AWS logs name what is done in that role. Default: weir.'),
  }
}

/** Bedrock counts and bounds what its guardrails read in text units. */
export const CHARS_PER_TEXT_UNIT = 1000

/** How many text units go into one request. */
export function textUnitsSchema() {
  return z.int().min(1).max(1000).default(25)
}

export const BEDROCK_SECRET_KEYS = ['api_key', 'access_key_id', 'secret_access_key', 'session_token'] as const

const accessSchema = z.object(bedrockKeys())

/** Those keys, parsed. */
export type BedrockAccess = z.output<typeof accessSchema>

function isPlainUrl(url: string): boolean {
  const parsed = URL.parse(url)
  return parsed !== null && `${parsed.username}${parsed.password}${parsed.search}${parsed.hash}` === ''
}

interface Problems {
  addIssue(issue: { readonly code: 'custom'; readonly path: string[]; readonly message: string }): void
}

/** Exactly one sort of credentials, and nothing that belongs to another. */
export function checkBedrockAccess(access: BedrockAccess, problems: Problems): void {
  const add = (path: string, message: string): void =>
    problems.addIssue({ code: 'custom', path: [path], message })
  const { api_key, access_key_id, secret_access_key, session_token, credentials } = access
  const keyParts = [access_key_id, secret_access_key, session_token].filter(part => part !== undefined)
  const sorts = [api_key !== undefined, keyParts.length > 0, credentials !== undefined].filter(Boolean).length
  const isWholeKey = access_key_id !== undefined && secret_access_key !== undefined
  if (sorts !== 1 || (keyParts.length > 0 && !isWholeKey)) {
    add('api_key', 'needs either api_key, or access_key_id and secret_access_key, or credentials')
  }
  const { profile, role_arn, role_session_name } = access
  if (profile !== undefined && credentials !== 'file' && credentials !== 'chain') {
    add('profile', 'is for credentials: file or chain')
  }
  if (role_arn !== undefined && credentials === undefined) add('role_arn', 'is for credentials')
  if (role_session_name !== undefined && role_arn === undefined && credentials !== 'web_identity') {
    add('role_session_name', 'is for role_arn, or credentials: web_identity')
  }
}

/**
 * Throws WeirError `bad-config` for a key that no header can carry (a line break from a file, say): every scan would
 * fail, better to fail at the start. The key is not quoted.
 */
export function checkHeaderKeys(name: string, access: BedrockAccess): void {
  for (const key of BEDROCK_SECRET_KEYS) {
    const value = access[key]
    if (value === undefined || /^[\x21-\x7e]+$/.test(value)) continue
    const problem = {
      path: `guardrails.${name}.${key}`,
      message: 'holds a space, line break or non-ASCII character',
    }
    throw new WeirError('bad-config', `guardrail ${name}: the ${key} cannot be used`, { problems: [problem] })
  }
}
