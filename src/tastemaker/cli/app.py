"""The command `tastemaker`: its groups, its errors and exit codes. Each command lives in a module of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tastemaker.cli import (
    ask,
    config_commands,
    data_commands,
    demo,
    doctor,
    encoder_commands,
    evaluate_commands,
    generator_commands,
    import_commands,
    job_commands,
    key_commands,
    model_commands,
    paradigms,
    probe_commands,
    profile_commands,
    prompt_commands,
    registry_commands,
    report_commands,
    reproduce_commands,
    search,
    serve,
    store_commands,
    tune,
)
from tastemaker.cli.options import ManyValuesCommand
from tastemaker.cli.output import EXIT_CODES, report, report_usage, wants_traceback

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What the parser raises; where its class lives differs between versions of typer."""


class Commands(TyperGroup):
    """The top of the command tree: every error that leaves a command becomes a message and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and leave with its exit code."""
        words = list(sys.argv[1:] if args is None else args)
        as_json = "--json" in words
        try:
            code = super().main(
                words,
                "tastemaker",
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                obj={"as_json": as_json},
                **extra,
            )
        except UsageError as error:
            sys.exit(_usage(error, as_json=as_json))
        except typer.Abort:
            sys.exit(report(KeyboardInterrupt(), as_json=as_json))
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; report what goes wrong."""
        try:
            return super().invoke(ctx)
        except (UsageError, typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except (KeyboardInterrupt, Exception) as error:
            if wants_traceback():
                raise
            raise typer.Exit(report(error, as_json=ctx.obj["as_json"])) from error

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page and the table of exit codes below it."""
        super().format_help(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), when) for code, when in EXIT_CODES.items()])


def _usage(error: Any, *, as_json: bool) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    command = error.ctx.command_path if error.ctx is not None else "tastemaker"
    return report_usage(error.format_message(), command, as_json=as_json)


app = typer.Typer(
    cls=Commands,
    name="tastemaker",
    help="Recommendations from a log of events and a catalogue: measured beside counting, with reasons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from tastemaker import __version__

        sys.stdout.write(f"tastemaker {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Recommendations from a log of events and a catalogue: measured beside counting, with reasons."""


app.command("demo", rich_help_panel="Start here")(demo.demo)
app.command("init", rich_help_panel="Start here")(config_commands.init)
app.command("doctor", rich_help_panel="Start here")(doctor.doctor)
app.command("import", rich_help_panel="Data and settings")(import_commands.import_data)
app.add_typer(data_commands.app, name="data", rich_help_panel="Data and settings")
app.add_typer(config_commands.app, name="config", rich_help_panel="Data and settings")
app.add_typer(encoder_commands.app, name="encoders", rich_help_panel="Data and settings")
app.add_typer(generator_commands.app, name="models", rich_help_panel="Data and settings")
app.add_typer(prompt_commands.app, name="prompts", rich_help_panel="Data and settings")
app.add_typer(profile_commands.app, name="profiles", rich_help_panel="Data and settings")
app.command("compare", rich_help_panel="Models")(evaluate_commands.compare)
app.command("evaluate", rich_help_panel="Models")(evaluate_commands.evaluate)
app.command("report", rich_help_panel="Models")(report_commands.report)
app.command("probe", rich_help_panel="Models")(probe_commands.probe)
app.command("tune", rich_help_panel="Models")(tune.tune)
app.command("reproduce", rich_help_panel="Models")(reproduce_commands.reproduce)
app.command("paradigms", rich_help_panel="Models")(paradigms.paradigms)
app.command("train", rich_help_panel="Models")(model_commands.train)
app.command("recommend", cls=ManyValuesCommand, rich_help_panel="Recommendations")(model_commands.recommend)
app.command("similar", rich_help_panel="Recommendations")(model_commands.similar)
app.command("search", rich_help_panel="Recommendations")(search.search)
app.command("ask", cls=ManyValuesCommand, rich_help_panel="Recommendations")(ask.ask)
app.command("explain", cls=ManyValuesCommand, rich_help_panel="Recommendations")(model_commands.explain)
app.add_typer(key_commands.app, name="keys", rich_help_panel="Recommendations")
app.command("serve", rich_help_panel="Recommendations")(serve.serve)
app.add_typer(store_commands.app, name="store", rich_help_panel="Keeping it alive")
app.add_typer(registry_commands.app, name="registry", rich_help_panel="Keeping it alive")
app.add_typer(job_commands.app, name="jobs", rich_help_panel="Keeping it alive")


def main() -> None:
    """Run the command line of this process."""
    app()
