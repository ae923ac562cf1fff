"""Settings: what is wrong stops the start with the variable's name, and secrets stay secret."""

from dataclasses import fields

import pytest
from sqlalchemy.engine import make_url

from iris_client.quality.control import QualityRules
from plugin.parts import quality_rules
from plugin.settings import ConfigError, Settings

TOKEN = "5ec9e7aa-0000-4000-8000-00000000feed"


def load(**variables: str) -> Settings:
    return Settings.load({f"ASTRANET_{name}": text for name, text in variables.items()}, env_file=None)


def complaint(**variables: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**variables)
    return str(caught.value)


def test_nothing_set_is_a_dry_run_without_a_marshal():
    settings = load()
    assert settings.dry_run
    with pytest.raises(ConfigError, match=r"ASTRANET_MARSHAL_URL: not set\."):
        settings.marshal()


def test_values_are_typed():
    settings = load(MARSHAL_URL="https://fritz.science/", GROUP_IDS="6, 2", DRY_RUN="false", MARSHAL_TOKEN=TOKEN)
    assert settings.marshal() == ("https://fritz.science", TOKEN, (6, 2))
    assert settings.dry_run is False


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("POLL_SECONDS", "often", "valid number"),
        ("GROUP_IDS", "SEDM", "numbers separated by commas"),
        ("GROUP_IDS", "6,,2", "numbers separated by commas"),
        ("ALPHA", "0.7", "less than 0.5"),
        ("DRY_RUN", "perhaps", "valid boolean"),
        ("NOTE_HOUR_UTC", "24", "less than or equal to 23"),
        ("MARSHAL_URL", "fritz.science", "http"),
        ("LOG_FORMAT", "xml", "'console' or 'json'"),
    ],
)
def test_wrong_value_names_the_variable_and_what_is_expected(name, text, expected):
    message = complaint(**{name: text})
    assert f"ASTRANET_{name}: " in message
    assert expected in message
    assert text in message


def test_every_problem_is_listed():
    assert len(complaint(POLL_SECONDS="x", BATCH_SIZE="x").splitlines()) == 2


def test_unknown_variable_stops_the_start_and_the_nearest_is_named():
    assert complaint(DRYRUN="true") == "ASTRANET_DRYRUN: there is no such setting; did you mean ASTRANET_DRY_RUN?"


def test_other_programs_variables_are_left_alone():
    assert Settings.load({"PATH": "/bin", "SKYPORTAL_URL": "x"}, env_file=None).group_ids == ()


def test_empty_means_not_set():
    assert load(BUNDLE="", MARSHAL_TOKEN=" ").bundle is None


def test_file_is_read_and_the_environment_wins(tmp_path):
    file = tmp_path / ".env"
    file.write_text("ASTRANET_POLL_SECONDS=30\nASTRANET_BATCH_SIZE=4\nOTHER=1\n")
    settings = Settings.load({"ASTRANET_BATCH_SIZE": "8"}, env_file=file)
    assert (settings.poll_seconds, settings.batch_size) == (30, 8)


def test_unknown_variable_in_the_file(tmp_path):
    file = tmp_path / ".env"
    file.write_text("ASTRANET_GROUP_ID=6\n")
    with pytest.raises(ConfigError, match="did you mean ASTRANET_GROUP_IDS"):
        Settings.load({}, env_file=file)


def test_token_from_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert load(MARSHAL_TOKEN_FILE=str(file)).secrets == (TOKEN,)


def test_token_file_problems(tmp_path):
    (tmp_path / "empty").touch()
    assert "ASTRANET_MARSHAL_TOKEN_FILE: cannot read" in complaint(MARSHAL_TOKEN_FILE=str(tmp_path / "none"))
    assert "is empty" in complaint(MARSHAL_TOKEN_FILE=str(tmp_path / "empty"))
    message = complaint(MARSHAL_TOKEN_FILE=str(tmp_path / "empty"), MARSHAL_TOKEN=TOKEN)
    assert "not both" in message
    assert TOKEN not in message


def test_secrets_do_not_show():
    settings = load(MARSHAL_TOKEN=TOKEN, DATABASE_URL="postgresql+psycopg://bot:hunter2@db/x", MARSHAL_URL="http://m")
    for text in (repr(settings), str(settings), f"{settings}", settings.model_dump_json()):
        assert TOKEN not in text
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in complaint(MARSHAL_URL="https://bot:hunter2@fritz.science")


def test_every_variable_says_what_it_is_for():
    assert all(len(text) > 20 for text in Settings.variables().values())


def test_thresholds_are_those_of_quality_control():
    ours, rules = Settings(), QualityRules()
    not_asked = {"window_A", "redshift_range", "max_phase_days", "max_gap_A", "take_out_fills"}
    thresholds = {f.name for f in fields(rules)} - not_asked
    assert thresholds <= set(Settings.model_fields)
    assert quality_rules(ours) == rules
    assert quality_rules(load(MAX_NEGATIVE="0.4")).max_negative == 0.4


def test_the_key_of_the_tns_is_a_secret_too():
    settings = load(TNS_API_KEY="hunter2hunter2", TNS_BOT_ID="1", TNS_BOT_NAME="b")
    assert "hunter2hunter2" in settings.secrets
    assert "hunter2" not in repr(settings)


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        load().dry_run = False


def test_the_source_of_alerts_and_its_secrets():
    assert load().alert_source == "none"
    settings = load(
        ALERT_SOURCE="kafka",
        KAFKA_SERVERS="h:1",
        KAFKA_TOPICS="babamul.a, babamul.b",
        KAFKA_PASSWORD="hunter2hunter2",
        BOOM_PASSWORD="hunter3hunter3",
    )
    assert settings.kafka_topics == ("babamul.a", "babamul.b")
    assert {"hunter2hunter2", "hunter3hunter3"} <= set(settings.secrets)
    assert "hunter" not in repr(settings)
    assert "ALERT_SOURCE" in complaint(ALERT_SOURCE="kowalski")
    assert "hunter2" not in complaint(BOOM_URL="https://bot:hunter2@boom")


def test_the_password_of_the_database_comes_from_a_file_and_is_a_secret(tmp_path):
    file = tmp_path / "password"
    file.write_text("p@ss:w/ord%\n")
    url = "postgresql+psycopg://astranet@db.example/astranet"
    settings = Settings(database_url=url, database_password_file=file)
    assert make_url(settings.database_url).password == "p@ss:w/ord%"
    assert make_url(settings.database_url).host == "db.example"
    assert "p@ss:w/ord%" in settings.secrets
    assert "ord%" not in repr(settings)


@pytest.mark.parametrize("url", ["postgresql+psycopg://u:other@h/n", "postgresql+psycopg://h/n", "sqlite:///x", ""])
def test_a_password_in_a_file_belongs_to_a_user_and_stands_nowhere_else(tmp_path, url):
    file = tmp_path / "password"
    file.write_text("hunter2")
    env = {"ASTRANET_DATABASE_PASSWORD_FILE": str(file), "ASTRANET_DATABASE_URL": url}
    with pytest.raises(ConfigError, match="DATABASE_URL must name a user") as caught:
        Settings.load(env, env_file=None)
    assert "hunter2" not in str(caught.value)
    assert "other" not in str(caught.value).replace("nothing other", "")


def test_a_password_in_the_address_is_a_secret_in_both_spellings():
    found = Settings(database_url="postgresql+psycopg://u:p%40ss@h/n").secrets
    assert set(found) == {"p%40ss", "p@ss"}


HOOK = "https://hooks.test/services/T0/B0/not-to-be-told"


def test_web_hook_is_a_secret(tmp_path):
    file = tmp_path / "hook"
    file.write_text(HOOK + "\n")
    for found in (load(SLACK_WEBHOOK=HOOK), load(SLACK_WEBHOOK_FILE=str(file))):
        assert found.slack_webhook.get_secret_value() == HOOK
        assert {HOOK, "/services/T0/B0/not-to-be-told"} <= set(found.secrets)
        assert "not-to-be-told" not in repr(found)


@pytest.mark.parametrize("wrong", [HOOK.replace("https", "http"), "not-to-be-told", HOOK + "#not-to-be-told"])
def test_web_hook_that_cannot_be_one_is_refused_and_not_shown(wrong):
    with pytest.raises(ConfigError) as caught:
        load(SLACK_WEBHOOK=wrong)
    assert "ASTRANET_SLACK_WEBHOOK" in str(caught.value)
    assert "not-to-be-told" not in str(caught.value)
