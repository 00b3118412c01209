"""A PutItem as bytes, for measuring what a call to the lease's table takes without any client's own work."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from support import dynamodb


def put_item(url: str, table: str) -> tuple[str, int, str]:
    """Where to send it, and the request. DynamoDB Local looks at no signature."""
    address = urlsplit(url)
    body = json.dumps({"TableName": table, "Item": {"pk": {"S": "round trip"}, "text": {"S": "x" * 300}}})
    scope = f"{dynamodb.CREDENTIALS['AWS_ACCESS_KEY_ID']}/20260101/{dynamodb.REGION}/dynamodb/aws4_request"
    head = [
        "POST / HTTP/1.1",
        f"Host: {address.netloc}",
        "X-Amz-Target: DynamoDB_20120810.PutItem",
        "Content-Type: application/x-amz-json-1.0",
        "X-Amz-Date: 20260101T000000Z",
        f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
        f"Content-Length: {len(body)}",
    ]
    assert address.hostname and address.port
    return address.hostname, address.port, "\r\n".join(head) + "\r\n\r\n" + body
