# Embeddings. A line with #=> stands in what comes back.
: "${GATEWAY:=http://127.0.0.1:10000}"
ask() {
  curl -isS "$GATEWAY/v1/embeddings" -H 'content-type: application/json' \
    -H "authorization: Bearer $OPENAI_API_KEY" -d "$1"
}

# Passes
ask '{"model": "text-embedding-3-small", "input": ["A weir raises the level of a river.", "Write to jane@example.com"]}'

# Denied
ask '{"model": "text-embedding-3-small", "input": "password = \"Tr0ub4dor&3-horse\""}'
#=> HTTP/1.1 403 Forbidden
#=> x-weir-reason: flagged
