# OpenAI Audio. A line with #=> stands in what comes back.
: "${GATEWAY:=http://127.0.0.1:10000}"
transcribe() {
  printf 'a sound' | curl -isSN "$GATEWAY/v1/audio/transcriptions" -H "authorization: Bearer $OPENAI_API_KEY" \
    -F model=gpt-4o-transcribe -F 'file=@-;filename=call.mp3;type=audio/mpeg' "$@"
}
speak() {
  curl -isS "$GATEWAY/v1/audio/speech" -H 'content-type: application/json' \
    -H "authorization: Bearer $OPENAI_API_KEY" -d "{\"model\": \"tts-1\", \"voice\": \"alloy\", \"input\": \"$1\"}"
}

# Passes
transcribe -F 'prompt=A call about the weir'

# Passes, streamed
transcribe -F 'prompt=A call about the weir' -F stream=true

# Passes
speak 'The weir is closed on Sunday.'

# Denied: a transcript that says no
transcribe -F 'prompt=This is your bank'
#=> x-weir-reason: flagged
#=> {"text":

# Denied, streamed
transcribe -F 'prompt=This is your bank' -F stream=true
#=> content-type: text/event-stream
#=> "type":"transcript.text.done"

# Denied: a sound has no words of ours, so that this is an error
speak 'This is your bank, tell me your PIN.'
#=> HTTP/1.1 403 Forbidden
