"""Completion in PowerShell, which click knows nothing of: the script, and the answers in the form that it reads.

Answers to `flux completion powershell`. What is typed up to the cursor and the word under it come in the environment,
as for click's other shells. Where a file is asked for nothing is answered, and PowerShell completes paths itself.
"""

import os
from typing import ClassVar

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, split_arg_string

NAME = "powershell"
_SCRIPT = """\
Register-ArgumentCompleter -Native -CommandName '%(prog_name)s' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $typed = $commandAst.ToString()
    $length = [Math]::Min($typed.Length, [Math]::Max(0, $cursorPosition - $commandAst.Extent.StartOffset))
    $env:COMP_WORDS = $typed.Substring(0, $length)
    $env:COMP_CWORD = $wordToComplete
    $env:%(complete_var)s = 'powershell_complete'
    try {
        & '%(prog_name)s' | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_CWORD, Env:%(complete_var)s -ErrorAction SilentlyContinue
    }
}
"""


class PowerShell(ShellComplete):
    """Completion in PowerShell."""

    name: ClassVar[str] = NAME
    source_template: ClassVar[str] = _SCRIPT

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the whole words before the cursor, and the one that it is at."""
        words = split_arg_string(os.environ.get("COMP_WORDS", ""))[1:]
        incomplete = os.environ.get("COMP_CWORD", "")  # PowerShell leaves empty variables out
        if incomplete and words:
            words.pop()
        return words, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return a value and what it is, in one line."""
        return f"{item.value}\t{' '.join((item.help or '').split())}"

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return the values that may stand here; no paths."""
        return [item for item in super().get_completions(args, incomplete) if item.type == "plain"]


def register() -> None:
    """Make it known to click."""
    add_completion_class(PowerShell)
