"""A visitor of the function's URL, who keeps cookies."""

from __future__ import annotations

import base64
import re
import time
import uuid
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from execution_environment import ExecutionEnvironment

HOST = "abcdefghij0123456789.lambda-url.eu-west-1.on.aws"


def request(method: str, address: str, cookies: dict[str, str], form: dict[str, str] | None = None) -> dict[str, Any]:
    """An event as Lambda makes it of a request: payload format 2.0."""
    path, _, query = address.partition("?")
    headers = {"host": HOST, "x-forwarded-proto": "https", "x-forwarded-port": "443", "user-agent": "tests"}
    if form is not None:
        headers |= {"content-type": "application/x-www-form-urlencoded", "origin": f"https://{HOST}"}
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": [f"{name}={value}" for name, value in cookies.items()],
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": HOST.partition(".")[0],
            "domainName": HOST,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t"},
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": form is not None,
    }
    if form is not None:
        event["body"] = base64.b64encode(urlencode(form).encode()).decode()
    return event


class Page:
    def __init__(self, answer: dict[str, Any]) -> None:
        self.status, self.headers = answer["statusCode"], answer["headers"]
        body = answer["body"]
        self.body = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()

    @property
    def text(self) -> str:
        return self.body.decode()

    def token(self) -> str:
        return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.text)[1]


class Visitor:
    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def get(self, place: ExecutionEnvironment, address: str) -> Page:
        return self._page(place.invoke(request("GET", address, self.cookies)))

    def post(self, place: ExecutionEnvironment, address: str, form: dict[str, str], **options: float) -> Page:
        return self._page(place.invoke(request("POST", address, self.cookies, form), **options))

    def _page(self, answer: dict[str, Any]) -> Page:
        for line in answer["cookies"]:
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return Page(answer)

    def ballot(self, place: ExecutionEnvironment, question: int) -> dict[str, str]:
        """A form to vote with, for the first choice."""
        page = self.get(place, f"/polls/{question}/")
        assert page.status == 200, page.text
        choice = re.search(r'name="choice" value="(\d+)"', page.text) or re.search(
            r'value="(\d+)"[^>]*name="choice"', page.text
        )
        return {"csrfmiddlewaretoken": page.token(), "choice": choice[1]}

    def vote(self, place: ExecutionEnvironment, question: int = 1) -> Page:
        return self.post(place, f"/polls/{question}/vote/", self.ballot(place, question))
