"""The configuration: precedence, sources, refusals, and config.toml edited in place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recollect.config import Config, load_config
from recollect.config_edit import set_key, unset_key
from recollect.config_keys import KEYS, looks_like_secret
from recollect.memory.errors import ConfigError

WriteToml = Callable[[str], Path]


@pytest.fixture
def write_toml(recollect_home: Path) -> WriteToml:
    def write(text: str) -> Path:
        recollect_home.mkdir(exist_ok=True)
        file = recollect_home / "config.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_without_file_and_environment_every_value_is_the_default() -> None:
    config = load_config()
    assert config == Config()
    assert {config.source(key.name) for key in KEYS} == {"default"}


def test_every_attribute_of_the_configuration_has_one_key() -> None:
    attributes = set(Config.__slots__) - {"sources"}
    assert attributes == {key.attribute for key in KEYS}
    assert len(KEYS) == len({key.name for key in KEYS}) == len({key.variable for key in KEYS})


def test_flags_go_before_the_environment_before_the_file_before_defaults(
    write_toml: WriteToml, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_toml('user = "file"\nassistant = "file"\n[hosted]\nmodel = "file"\n')
    monkeypatch.setenv("RECOLLECT_USER", "environment")
    monkeypatch.setenv("RECOLLECT_HOSTED_MODEL", "environment")
    config = load_config({"hosted.model": "flag"})
    assert (config.hosted_model, config.user, config.assistant) == ("flag", "environment", "file")
    assert config.source("hosted.model") == "flag"
    assert config.source("user") == "RECOLLECT_USER"
    assert config.source("assistant") == str(file)
    assert config.source("store") == "default"


def test_texts_of_the_environment_become_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOLLECT_CONTEXT_BUDGET", " 500 ")
    monkeypatch.setenv("RECOLLECT_SESSION_GAP_MINUTES", "2.5")
    monkeypatch.setenv("RECOLLECT_THREADS", "")
    config = load_config()
    assert (config.context_budget, config.session_gap_minutes, config.threads) == (500, 2.5, None)


def test_overrides_are_keyed_as_in_the_file_or_as_attributes_and_none_is_not_given(tmp_path: Path) -> None:
    config = load_config({"store": tmp_path / "a.db", "fusion": "rrf", "context.budget": 9, "user": None})
    assert (config.store, config.fusion, config.context_budget) == (str(tmp_path / "a.db"), "rrf", 9)
    assert config.user == "default"


def test_a_whole_number_in_the_file_is_a_number(write_toml: WriteToml) -> None:
    write_toml("[hosted]\ntimeout_s = 5\n")
    assert load_config().hosted_timeout_s == 5.0


@pytest.mark.parametrize(
    ("toml", "names"),
    [
        ("contxt.budget = 5", ("contxt.budget", "context.budget")),
        ('fusion = "rrf"', ("fusion", "recall.fusion")),
        ('generator = "hosted"', ("generator", "generator.name")),
        ("[hosted]\nmodle = 'x'", ("hosted.modle", "hosted.model")),
    ],
)
def test_an_unknown_key_of_the_file_names_the_nearest(
    write_toml: WriteToml, toml: str, names: tuple[str, str]
) -> None:
    file = write_toml(toml)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert str(caught.value).startswith(f"{names[0]} ({file})")
    assert f"did you mean {names[1]}?" in str(caught.value)


@pytest.mark.parametrize("key", ["hosted.api_key", "embedder.token", "api_key"])
def test_a_secret_in_the_file_is_refused_with_where_it_belongs_and_not_repeated(
    write_toml: WriteToml, key: str
) -> None:
    write_toml(f'{key} = "sk-abc"')
    with pytest.raises(ConfigError, match=r"secrets are never stored.*(hosted|embedder)\.key_variable") as caught:
        load_config()
    assert "sk-abc" not in str(caught.value)


def test_an_unknown_variable_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOLLECT_HOSTED_MODLE", "x")
    with pytest.raises(ConfigError, match=r"RECOLLECT_HOSTED_MODLE .* did you mean RECOLLECT_HOSTED_MODEL"):
        load_config()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("context.budget", 0),
        ("context.budget", 1.5),
        ("context.budget", True),
        ("context.budget", "854"),
        ("recall.fusion", "sum"),
        ("rerank.name", "magic"),
        ("rerank.calibrate", True),
        ("recall.dense_weight", -1.0),
        ("recall.dense_weight", float("nan")),
        ("hosted.timeout_s", 0),
        ("hosted.timeout_s", float("inf")),
        ("threads", 0),
        ("user", " "),
        ("store", 3),
    ],
)
def test_a_wrong_value_names_key_value_source_and_what_is_expected(key: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({key: value})
    assert str(caught.value).startswith(f"{key} = {value!r} (flag): expected ")


def test_a_wrong_value_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOLLECT_CONTEXT_BUDGET", "many")
    with pytest.raises(ConfigError, match=r"context.budget = 'many' \(RECOLLECT_CONTEXT_BUDGET\): expected a whole"):
        load_config()


def test_a_wrong_value_is_refused_even_where_it_is_overridden(write_toml: WriteToml) -> None:
    write_toml("context.budget = -1")
    with pytest.raises(ConfigError, match=r"context\.budget = -1"):
        load_config({"context.budget": 5})


def test_a_configuration_made_by_hand_is_checked_too() -> None:
    with pytest.raises(ConfigError, match=r"context\.budget = 0"):
        Config(context_budget=0)


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcDEF1234567890",
        "gsk_abcDEF1234567890abcd",
        "hf_abcdefghijklmnopqrst",
        "AIzaSyA1234567890abcdefg",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_a_key_pasted_as_the_name_of_a_variable_is_refused_and_not_repeated(secret: str) -> None:
    assert looks_like_secret(secret)
    with pytest.raises(ConfigError) as caught:
        load_config({"hosted.key_variable": secret})
    assert secret not in str(caught.value)
    assert "hosted.key_variable" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "MY_VERY_LONG_COMPANY_GATEWAY_KEY_2", "openrouter_key", "SK_TEST_KEY_1"]
)
def test_names_of_variables_are_no_secrets(name: str) -> None:
    assert load_config({"hosted.key_variable": name}).hosted_key_variable == name


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://x/v1", "http://", "http://[bad", "https://me:pw@host/v1"])
def test_a_base_url_that_cannot_be_meant_or_holds_a_password_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"hosted\.base_url"):
        load_config({"hosted.base_url": url})


def test_a_broken_file_is_an_error_that_names_it(write_toml: WriteToml) -> None:
    file = write_toml("user = ")
    with pytest.raises(ConfigError, match=str(file)):
        load_config()


def test_setting_a_key_keeps_everything_else_of_the_file(write_toml: WriteToml) -> None:
    text = '# mine\nuser = "ann"  # me\n\n[hosted]\n# which\nmodel = "a"\ntimeout_s = 5\n'
    file = write_toml(text)
    set_key(file, "hosted.model", "b")
    assert file.read_text(encoding="utf-8") == text.replace('"a"', '"b"')


@pytest.mark.parametrize(
    "text",
    [
        "",
        'user = "ann"\n',
        "[hosted]\ntimeout_s = 5\n",
        "hosted.timeout_s = 5\n",
        "hosted = {timeout_s = 5}\n",
        "\n# x",
    ],
)
def test_keys_are_set_and_unset_whatever_the_file_looks_like(write_toml: WriteToml, text: str) -> None:
    file = write_toml(text)
    before = load_config()
    set_key(file, "hosted.model", 'a "quoted" name')
    set_key(file, "assistant", "Robin")
    set_key(file, "context.budget", "77")
    config = load_config()
    assert (config.hosted_model, config.assistant, config.context_budget) == ('a "quoted" name', "Robin", 77)
    assert (config.user, config.hosted_timeout_s) == (before.user, before.hosted_timeout_s)
    for key in ("hosted.model", "assistant", "context.budget"):
        assert unset_key(file, key)
    assert load_config() == before


def test_setting_creates_the_file_and_its_folder(recollect_home: Path) -> None:
    set_key(recollect_home / "config.toml", "user", "ann")
    assert load_config().user == "ann"
    assert [path.name for path in recollect_home.iterdir()] == ["config.toml"]


def test_setting_a_wrong_value_leaves_the_file_as_it_was(write_toml: WriteToml) -> None:
    file = write_toml('user = "ann"\n')
    for key, value in [
        ("context.budget", "x"),
        ("nothing.known", "1"),
        ("embedder.key_variable", "sk-123456789012345"),
    ]:
        with pytest.raises(ConfigError):
            set_key(file, key, value)
    assert file.read_text(encoding="utf-8") == 'user = "ann"\n'


def test_an_unknown_key_can_be_unset_and_a_known_one_that_is_not_there_changes_nothing(write_toml: WriteToml) -> None:
    file = write_toml('user = "ann"\n[hosted]\napi_key = "sk-1"\n')
    assert unset_key(file, "hosted.api_key")
    assert not unset_key(file, "hosted.model")
    assert load_config().user == "ann"
    with pytest.raises(ConfigError, match="did you mean"):
        unset_key(file, "hosted.modle")
