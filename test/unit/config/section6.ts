/** A config with every key that has no default, and each key with a default at that default. */
export const FULL_CONFIG = `
server: { listen: 0.0.0.0:9002, admin: 127.0.0.1:9090, workers: 1 }
guardrails:
  lakera:
    kind: lakera
    api_key: $env://LAKERA_API_KEY
    lakera_endpoint: https://api.lakera.ai/v2/guard
    project_id: project-123
    timeout: 5000
    ssl_verify: true
  pii: { kind: local-pii }
  words: { kind: keywords, words: ["blocked-phrase"] }
policies:
  - name: chat
    match: { hosts: ["api.example.com"], paths: ["/v1/"], routes: ["llm"] }
    guardrails:
      - { use: pii, direction: both, action: redact }
      - { use: lakera, direction: both, action: block, fail_open: false }
    stream: { delivery: withhold, heartbeat_ms: 5000, max_held_bytes: 1048576, max_duration_ms: 600000 }
    limits: { max_request_bytes: 10485760, max_response_bytes: 33554432 }
    fail_mode: skip
    deny_code: 200
    request_failure_message: Request blocked by policy
    response_failure_message: Response blocked by policy
    reveal_failure_categories: false
    finish_reason: auto
unmatched: pass
`

/** The same with every defaulted key left out. */
export const SHORT_CONFIG = `
guardrails:
  lakera: { kind: lakera, api_key: $env://LAKERA_API_KEY, project_id: project-123 }
  pii: { kind: local-pii }
  words: { kind: keywords, words: ["blocked-phrase"] }
policies:
  - name: chat
    match: { hosts: ["api.example.com"], paths: ["/v1/"], routes: ["llm"] }
    guardrails:
      - { use: pii, direction: both, action: redact }
      - { use: lakera, direction: both }
`

export const ENV = { LAKERA_API_KEY: 'lk-test-key-0001' }
