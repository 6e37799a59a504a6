/** What docs/en/guardrails.md says of all guardrails, whatever their kind. Markdown; what is generated stands between. */

export const INTRO = `# Guardrails

What a guardrail is, how it is run, and every kind with an example. This page is made from the kinds and their schemas
by \`weir schema --format guardrails\`. A test runs each example: clean text passes, and flagged text is denied or
redacted, as the example's \`action\` says. [config.md](config.md) has the keys of policies.

## What a guardrail is

A guardrail is a configured check under \`guardrails\`. It looks at the texts of a request or an answer and finds things
in them; it knows no action and no \`fail_open\`. Its **findings** are evidence: a detector such as \`prompt_attack\`,
perhaps a score from 0 to 1 or the service's own level, perhaps the place in the text. They make a **verdict**, clean or
flagged. A check that came to no verdict is a failure, and a failure is never taken for clean. Verdict or failure is the
guardrail's **outcome**. Policies use guardrails by their names and turn the outcomes into one **decision**: release,
redact or deny.

| Outcome | \`action: block\` | \`action: redact\` | \`action: alert\` |
|---|---|---|---|
| clean | release | release | release |
| flagged | deny | redact the findings; deny when one has no place | release, logged |
| failure, \`fail_open: false\` (default) | deny | deny | deny |
| failure, \`fail_open: true\` | release, warned | release, warned | release, warned |

The strictest decision of all rules counts: deny before redact before release. Where a part of a text was flagged and
another part got no verdict, both count.

## When it runs

| \`mode\` | Judges | When |
|---|---|---|
| \`pre_call\` | the request | before the upstream sees it |
| \`during_call\` | the request | while the upstream works; the response waits for the verdict. The answer as well, unless \`direction: input\` |
| \`post_call\` | the answer | before the client sees it |

\`direction: input | output | both\` is the short form of \`pre_call\`, \`post_call\` and both.

Local guardrails run first, in this process. Remote ones run only when these did not deny, all at the same time, over
texts that local rules have redacted already. The first flagged verdict that denies ends the requests of the others; a
failure does not, since a flagged verdict may follow it. Nothing waits for a remote one with \`action: alert\` and
\`fail_open: true\`. An answer that streams with \`delivery: window\` is judged piece by piece, and a finding that is longer
than \`stream.hold_back_chars\` may be partly out before a remote guardrail sees it.

By default a rule judges the whole conversation (\`scan: conversation\`), and of an answer the answer alone;
\`output_context: conversation\` gives what was asked to those kinds that can use it.

Texts over what a service takes are split where a paragraph, a sentence or a word ends, neighbours overlapping by 200
characters, and every part is judged. Nothing is clipped: what needs more than 20 requests fails as \`over-limit\`.`

export const FAILURES = `## When it fails

Every failure has a reason, and where more is known a detail. Both stand in the decision record of the log and in
\`weir_guardrail_outcomes_total\`; neither holds content, a key or an address.`

export const ASKING = `## How a service is asked

**Time.** \`timeout\` bounds one whole scan: the queue, all its requests and all attempts together.
\`connect_timeout\` bounds DNS, TCP and TLS of a connection, \`first_byte_timeout\` the wait for an answer to begin.
Connections are kept and shared by guardrails that reach the same origin in the same way.

**Retry.** A request is sent once more after 20 to 100 ms when it failed by \`timeout-connect\`, \`timeout-first-byte\`,
\`dns\`, \`connection\`, \`truncated\` or \`status-5xx\`, and after a 429 whose \`Retry-After\` is at most 1 s. A service
that asks for a longer pause is not asked again. There are never more than two attempts.

**Hedge.** With \`hedge: true\` a second request goes out once the first takes longer than 95 % of the latest 100
(from the 20th on); the faster answer counts, and the other request is aborted. Then there is no retry besides. It costs
about 5 % more requests.

**Circuit breaker.** When more than \`failure_ratio\` (half) of the latest \`scans\` (20) timed out, could not reach the
service or got a bad answer, scans fail at once as \`circuit-open\`. After \`open_ms\` (5 s) one scan tries, the others
wait for what it comes to. Statuses of 400 to 499, limits and cancelled scans do not count: whoever sends odd texts must
not close the service to others. A trial that ends like that leaves it to the next scan.

**Bulkhead.** At most \`max_concurrent\` requests are under way at once and \`max_queued\` wait; one more fails at once
as \`overloaded\`. A 429, or a 5xx with \`Retry-After\`, halves what may be under way; answers win it back one by one.
Until a \`Retry-After\` is over, at most 60 s, nothing is sent: scans fail as \`rate-limited\` with the detail
\`paused\`.

**Answers** are read strictly. What decides must be there and of its type, else the scan is a \`bad-response\`, never
clean. An answer may have 1 MiB, with kinds that send texts back more.`

export const EGRESS = `## What Weir connects to

Guardrails connect to the endpoints in their config and to nothing that a request, an answer or a redirect names:
redirects are never followed, and proxies from the environment are not used. Guardrails without a service need no
network. Besides them Weir connects to the server of a \`cache\`, to \`VAULT_ADDR\` for secrets from there, and, for
Bedrock with \`credentials\`, the AWS SDK to where it gets these (instance metadata, for example): by itself, so that the
table below does not bind the SDK.

Which address an endpoint has is judged at each new connection, after its name was resolved and before a socket is
opened. The socket then gets the very addresses that were judged, so that a DNS answer which changes in between counts
for nothing. When any address of a name is refused, the name is: Weir does not go on with the others.

| Address | https | http |
|---|---|---|
| loopback: \`127.0.0.0/8\`, \`::1\` | yes | yes |
| private: \`10.0.0.0/8\`, \`172.16.0.0/12\`, \`192.168.0.0/16\`, \`100.64.0.0/10\`, \`fc00::/7\` | yes | yes |
| public: all others | yes | with \`allow_plaintext: true\` |
| link-local: \`169.254.0.0/16\`, \`fe80::/10\` | never | never |
| cloud metadata elsewhere: \`100.100.100.200\`, \`fd00:100::100:200\` (Alibaba Cloud), \`168.63.129.16\` (Azure), \`192.0.0.192\`, \`fd00:c1::a9fe:a9fe\` (Oracle), \`fd00:ec2::/32\` (AWS), \`fd20:ce::254\` (Google Cloud), \`fd00:42::42\` (Scaleway), \`fd00:a9fe:a9fe::1\` (Akamai) | never | never |
| \`0.0.0.0/8\`, \`::\`, multicast, broadcast | never | never |

An IPv4 address inside IPv6 (mapped, NAT64, 6to4, Teredo, ISATAP) is looked into. A mapped one is treated as the IPv4
address that it is. One that a translator or tunnel carries on is refused when what it carries is refused or loopback,
and is public otherwise, so that http to a private address through NAT64 needs \`allow_plaintext\`. NAT64 prefixes other
than \`64:ff9b::/96\` and \`64:ff9b:1::/48\` are any network's own and cannot be recognised.

What shows in the config already is refused there, by \`weir check\` and at the start: a literal address, in whatever
spelling, and the names that only metadata services have, such as \`metadata.google.internal\`. Any other name is judged
when it is connected to; a scan then fails as \`unreachable\` with the detail \`egress-forbidden\` or
\`egress-plaintext\`, and \`fail_open\` decides as for any failure.

**TLS.** Certificates are verified by the name in the endpoint. \`ssl_verify: false\` accepts any, for that guardrail
only; anyone on the way can then read what is sent and forge verdicts. \`allow_plaintext: true\` sends texts and keys
readable over the network. \`weir check\` warns of both, and so does the log at the start.`

export const CACHE = `## The verdict cache

With \`cache\` at the top level of the config, verdicts of remote guardrails are remembered for \`ttl_ms\`: in this
process, or with \`url\` on a Redis or Valkey server that replicas share. \`cache: false\` leaves a guardrail out.

A verdict is found again by a keyed hash (HMAC-SHA-256) over the guardrail's name, its config, the side, the model and
the exact texts with their roles; no text is stored. Stored are the detectors, scores and places of a flagged verdict,
its breakdown, and the service's id of the check. Failures are never stored, nor is a verdict beside which a part
failed. A
kind that judges each text by itself (\`presidio\`) is asked only for texts that are not known, so that a conversation
which grows by a turn costs one request; of other kinds the whole input has to be the same. Equal scans at the same time
share one request.

Values on a server are sealed with \`key\`, together with their end, so that who can write to the server can neither
forge a verdict nor prolong one. One whose end lies more than two \`ttl_ms\` ahead, as after a clock was put back, is not
believed. A lookup may take 50 ms; a server that is slow or away is a miss, never a failure. A
known verdict is used also while the service is down or its circuit is open.`

export const METRICS = `## What to watch

| Metric | Tells |
|---|---|
| \`weir_guardrail_outcomes_total\` | clean, flagged and failed scans by guardrail, with \`reason\` and \`detail\` of failures |
| \`weir_guardrail_duration_seconds\` | how long a scan takes |
| \`weir_guardrail_retries_total\`, \`weir_guardrail_hedges_total\` | second requests, of the latter those sent and those refused; many mean that the service is not well |
| \`weir_guardrail_refused_total\` | requests not sent, by \`why\`: \`queue-full\` or \`paused\` |
| \`weir_guardrail_circuit_state\` | 0 closed, 1 half open, 2 open; absent until it first opened |
| \`weir_verdict_cache_lookups_total\` | hits, misses and errors of the verdict cache |
| \`weir_verdict_cache_connected\` | whether the cache server is connected |
| \`weir_decisions_total\` | what reached the client, with \`reason\` \`failed-open\` and \`failed-closed\` for failures |
| \`weir_faults_total\` | faults whose cause stands in the log |
| \`weir_renewals_total\` | secrets and lists of the config (\`what="config"\`) and the TLS identity (\`tls\`) read again, by \`result\`; \`failed\`: what was in use stays, and the log says why |
| \`weir_snapshots_open\` | configs in memory: the one in force, and those before it that exchanges still run on |

The decision record has the breakdown of a flagged verdict where the service tells one (every detector that ran, names
and numbers only), and the service's id of the check.`
