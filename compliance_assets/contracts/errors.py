"""The errors of the house: few, typed, and each says what was expected, what was found and what to do.

ComplianceError
├── InvalidInput            the caller's input does not fit            -> exit code 2
├── DependencyUnavailable   a server, store or model is not reachable  -> exit code 3
└── IntegrityError          a check or a proof failed                  -> exit code 1
"""


class ComplianceError(Exception):
    """Base of every error that this project raises on purpose."""

    exit_code = 1

    def __init__(self, problem: str, *, expected: str, found: str, remedy: str) -> None:
        self.problem, self.expected, self.found, self.remedy = problem, expected, found, remedy
        super().__init__(f"{problem}: expected {expected}; found {found}. {remedy}")

    def as_dict(self) -> dict[str, str]:
        """The four parts, for machine-readable output."""
        return {
            "error": type(self).__name__,
            "problem": self.problem,
            "expected": self.expected,
            "found": self.found,
            "remedy": self.remedy,
        }


class InvalidInput(ComplianceError):
    """The caller's input does not fit the contract."""

    exit_code = 2


class DependencyUnavailable(ComplianceError):
    """Something outside the process (database, object store, model server) cannot be reached."""

    exit_code = 3


class IntegrityError(ComplianceError):
    """Stored data contradicts itself or its proof."""

    exit_code = 1
