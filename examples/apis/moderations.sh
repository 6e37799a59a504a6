# OpenAI Moderations. A line with #=> stands in what comes back.
: "${GATEWAY:=http://127.0.0.1:10000}"
ask() {
  curl -isS "$GATEWAY/v1/moderations" -H 'content-type: application/json' \
    -H "authorization: Bearer $OPENAI_API_KEY" -d "$1"
}

# Passes
ask '{"model": "omni-moderation-latest", "input": "I will break the weir."}'

# Denied
ask '{"model": "omni-moderation-latest", "input": "password = \"Tr0ub4dor&3-horse\""}'
#=> HTTP/1.1 403 Forbidden
