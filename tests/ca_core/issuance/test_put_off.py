import subprocess
import sys

PUT_OFF = """
import sys
from ca_core.issuance.put_off import put_off
put_off("iso639")
"""


def said(program: str) -> str:
    """What a process of its own prints: what is loaded here stays loaded."""
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_the_linter_reads_certificates_without_what_is_put_off() -> None:
    loaded = said(f"{PUT_OFF}from ca_core.issuance import rules\nprint('iso639.language' in sys.modules)")

    assert loaded == "False"


def test_what_is_put_off_is_there_when_it_is_asked_for() -> None:
    asked = "print(iso639.Language.from_part1('zh').part3, issubclass(iso639.LanguageNotFoundError, Exception))"

    assert said(f"{PUT_OFF}import iso639\n{asked}") == "zho True"


def test_what_is_loaded_already_stays_as_it_is() -> None:
    assert said(f"import iso639\nwas = iso639\n{PUT_OFF}print(sys.modules['iso639'] is was)") == "True"
