import { assertNever } from '../errors.ts'
import { GuardrailFailure } from '../guardrail/guardrail.ts'
import type { AwsKeys } from './keys.ts'

/** Where the SDK finds credentials; `chain` tries them all, in the SDK's order. */
export const AWS_SOURCES = ['env', 'file', 'web_identity', 'pod_identity', 'imds', 'chain'] as const

export interface AwsIdentity {
  readonly source: (typeof AWS_SOURCES)[number]
  /** Of the shared config and credentials files; default AWS_PROFILE, else `default`. */
  readonly profile: string | undefined
  /** `web_identity`: the role of the token, instead of AWS_ROLE_ARN. Else: a role to assume by what was found. */
  readonly roleArn: string | undefined
  readonly roleSessionName: string
  /** Whose STS is asked. */
  readonly region: string
}

type Sdk = typeof import('@aws-sdk/credential-providers')

interface SdkCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: Date
}
type Provider = () => Promise<SdkCredentials>

/** The SDK writes warnings to the console otherwise, with whole errors in them. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }
const HTTP_TIMEOUT_MS = 2000

/**
 * Asks the AWS SDK for credentials, anew each time. It is loaded only here: 40 ms and 14 MB that others need not pay.
 * The SDK reads its own environment variables (AWS_…), and opens its own connections: to STS, and to the metadata
 * services at their link-local addresses. Throws GuardrailFailure `unreachable`, which quotes nothing but the name of
 * the SDK's error.
 */
export async function keysFromSdk(identity: AwsIdentity): Promise<AwsKeys> {
  const sdk = await import('@aws-sdk/credential-providers')
  let found: SdkCredentials
  try {
    found = await providerOf(sdk, identity)()
  } catch (error) {
    throw new GuardrailFailure(
      'unreachable',
      `no AWS credentials from ${identity.source} (${errorName(error)})`,
    )
  }
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = found
  for (const part of [accessKeyId, secretAccessKey, sessionToken]) {
    if (part !== undefined && !/^[\x21-\x7e]+$/.test(part)) {
      throw new GuardrailFailure(
        'unreachable',
        `the AWS credentials from ${identity.source} fit into no header`,
      )
    }
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiresAtMs: expiration?.getTime() }
}

function providerOf(sdk: Sdk, identity: AwsIdentity): Provider {
  const { source, roleArn, roleSessionName } = identity
  if (roleArn === undefined || source === 'web_identity') return sourceProvider(sdk, identity)
  return sdk.fromTemporaryCredentials({
    masterCredentials: sourceProvider(sdk, identity),
    params: { RoleArn: roleArn, RoleSessionName: roleSessionName },
    clientConfig: stsConfig(identity),
    logger: SILENT,
  })
}

function sourceProvider(sdk: Sdk, identity: AwsIdentity): Provider {
  const { source, profile, roleArn, roleSessionName } = identity
  const clientConfig = stsConfig(identity)
  const remote = { timeout: HTTP_TIMEOUT_MS, maxRetries: 1, logger: SILENT }
  // Version 1 of the metadata service answers whoever can make this process send a GET.
  const ec2MetadataV1Disabled = true
  switch (source) {
    case 'env':
      return sdk.fromEnv({ logger: SILENT })
    case 'file':
      return sdk.fromIni({ profile, ignoreCache: true, clientConfig, logger: SILENT })
    case 'web_identity':
      return sdk.fromTokenFile({ roleArn, roleSessionName, clientConfig, logger: SILENT })
    case 'pod_identity':
      return sdk.fromHttp(remote)
    case 'imds':
      return sdk.fromInstanceMetadata({ ...remote, ec2MetadataV1Disabled })
    case 'chain':
      return sdk.fromNodeProviderChain({
        ...remote,
        profile,
        ignoreCache: true,
        roleSessionName,
        clientConfig,
        ec2MetadataV1Disabled,
      })
    default:
      return assertNever(source)
  }
}

function stsConfig({ region }: AwsIdentity) {
  return {
    region,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: HTTP_TIMEOUT_MS, requestTimeout: HTTP_TIMEOUT_MS },
    logger: SILENT,
  }
}

/** Messages name roles, files and addresses, and may quote what was read there. */
function errorName(error: unknown): string {
  const name = error instanceof Error ? error.name : ''
  return /^\w{1,60}$/.test(name) ? name : 'no name'
}
