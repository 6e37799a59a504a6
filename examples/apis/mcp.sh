# Model Context Protocol. A line with #=> stands in what comes back.
: "${GATEWAY:=http://127.0.0.1:10000}"
ask() {
  curl -isSN "$GATEWAY/$1" -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \
    -d "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"tools/call\", \"params\": {\"name\": \"search\", \"arguments\": {\"q\": \"$2\"}}}"
}

# Passes, streamed or not as the server likes
ask mcp 'weirs of the river'

# Passes at a path of your own, streamed or not
ask tools 'weirs of the river'

# Denied: the result of a tool that failed
ask mcp 'password = Tr0ub4dor&3-horse'
#=> HTTP/1.1 200 OK
#=> x-weir-reason: flagged
#=> "isError":true

# Denied, at a path of your own
ask tools 'password = Tr0ub4dor&3-horse'
#=> "isError":true
