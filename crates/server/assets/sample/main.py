"""The sample automation of `bandmaster quickstart`: greets somebody and counts the letters of the name."""

import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass
class Input:
    name: str = "world"


@dataclass
class Output:
    greeting: str
    letters: int


def main(input: Input) -> Output:
    log.info("Greeting %s", input.name)
    print(f"Counting the letters of {input.name}")
    return Output(greeting=f"Hello, {input.name}!", letters=len(input.name))
