# OpenAI Images. A line with #=> stands in what comes back.
: "${GATEWAY:=http://127.0.0.1:10000}"

# Passes
curl -isS "$GATEWAY/v1/images/generations" -H 'content-type: application/json' \
  -H "authorization: Bearer $OPENAI_API_KEY" -d '{"model": "gpt-image-1", "prompt": "A weir in winter"}'

# Denied
curl -isS "$GATEWAY/v1/images/generations" -H 'content-type: application/json' \
  -H "authorization: Bearer $OPENAI_API_KEY" -d '{"model": "gpt-image-1", "prompt": "Our logo on a weapon"}'
#=> HTTP/1.1 403 Forbidden
#=> x-weir-reason: flagged

# Denied: the picture is something that nobody can judge
printf 'a picture' | curl -isS "$GATEWAY/v1/images/edits" -H "authorization: Bearer $OPENAI_API_KEY" \
  -F model=gpt-image-1 -F 'image=@-;filename=weir.png;type=image/png' -F 'prompt=Add some snow'
#=> HTTP/1.1 403 Forbidden
