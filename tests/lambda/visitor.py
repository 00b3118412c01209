"""A visitor of the function's URL, who keeps cookies."""

from __future__ import annotations

import base64
import re
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from execution_environment import ExecutionEnvironment
from function_url import HOST, event


def request(method: str, address: str, cookies: dict[str, str], form: dict[str, str] | None = None) -> dict[str, Any]:
    """An event as Lambda makes it of a request."""
    headers, body = {"user-agent": "tests"}, None
    if form is not None:
        headers |= {"content-type": "application/x-www-form-urlencoded", "origin": f"https://{HOST}"}
        body = urlencode(form).encode()
    return event(method, address, headers, [f"{name}={value}" for name, value in cookies.items()], body)


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

    def form(self) -> dict[str, str]:
        """What a vote for the first choice sends."""
        choice = re.search(r'name="choice" value="(\d+)"', self.text) or re.search(
            r'value="(\d+)"[^>]*name="choice"', self.text
        )
        return {"csrfmiddlewaretoken": self.token(), "choice": choice[1]}


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
        return page.form()

    def vote(self, place: ExecutionEnvironment, question: int = 1) -> Page:
        return self.post(place, f"/polls/{question}/vote/", self.ballot(place, question))
