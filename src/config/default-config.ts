/**
 * The config that serves when no file is named: local guardrails only, so that it needs no key and no network, and
 * loopback only, so that nobody else can reach it.
 */
export const DEFAULT_CONFIG = `
server:
  listen: 127.0.0.1:9002
  admin: 127.0.0.1:9090
guardrails:
  prompt-attack: { kind: local-prompt-attack }
  pii: { kind: local-pii }
policies:
  - name: default
    guardrails:
      - { use: pii, direction: both, action: redact }
      - { use: prompt-attack, direction: input, action: block }
    stream: { delivery: window }
`
