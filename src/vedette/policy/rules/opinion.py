"""What one rule says of one touch."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.model import Allow, Deny, Hold, Verdict


@dataclass(frozen=True, slots=True)
class Opinion:
    """*certain* is False where the rule could not be ruled out rather than clearly matched.

    A hold that is not certain still holds, yet does not permit: somebody else
    must allow the touch, or name it, before an approval can let it pass.
    """

    verdict: Verdict
    certain: bool = True

    @property
    def permits(self) -> bool:
        return self.certain and not isinstance(self.verdict, Deny)

    @property
    def word(self) -> str:
        words = {Allow: "allow", Hold: "hold", Deny: "deny"}
        return words[type(self.verdict)] + ("" if self.certain else "?")
