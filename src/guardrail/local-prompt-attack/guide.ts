import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Prompt attacks by a small trained classifier, in this process. It catches what is like the known ones, not a determined author.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  attacks:
    kind: local-prompt-attack
    threshold: 0.5
policies:
  - name: chat
    guardrails:
      - { use: attacks, direction: input, action: block }`,
    },
  ],
  sides: 'both',
  sends: 'Nothing.',
  finds:
    '`prompt_attack`: orders to drop what the model was told, personas without rules, requests for the system prompt, orders hidden in documents and tool results. Up to three findings for each part of a text that looks like an attack: its strongest stretches, with the score of the part, the chance that it is one.',
  redacts: { kind: 'always' },
  limits:
    'None but `limits` of the policy. Texts are judged in windows, so that an attack in a long document counts like a short one. Of 8,192 characters at most 12 stretches are decoded, and of base64 at most 64 KiB.',
  failures: 'None while it runs. Without its model, or with a damaged one, Weir does not start.',
  notes: [
    'Hidden writing is undone before it is judged: what `decode` names, and always full-width, mathematical and look-alike letters, invisible characters and tag characters. One level only; no Morse, no other ciphers, no images.',
    'Every role is judged, since a caller may write any. Texts of `system` and `developer` need a higher score, `operator_threshold`, as they say by right what would be an attack elsewhere. Where callers cannot choose roles, set it to 1, or name the `roles` of the rule.',
    'It knows English best. Attacks in other languages are found where they are like the few it was trained on.',
    'Measured on held-out texts (`docs/detection.md`) at the threshold 0.5: 94 % of attacks found, 0.7 % of ordinary prompts and 4.3 % of hard negatives flagged.',
    'Attacks of a style that it has not seen it finds much less often: of sources left out of training 69 %, at 10 % false alarms on ordinary prompts (`docs/prompt-attack-model.md`). See with `action: alert` what it does on your traffic first. Harmless prompts that give a model a role and rules are its usual false alarms.',
    'A quoted attack may be flagged as well: it knows little of quotation.',
    'Of an answer that streams up to 1,024 characters are held back, since an attack is judged as a whole.',
    'A redaction takes out the strongest stretches only, and the rest of an attack may still work: block instead.',
  ],
}
