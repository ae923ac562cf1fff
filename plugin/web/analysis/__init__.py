"""The Analysis button: where the marshal asks for an analysis."""

from plugin.web.parts import Room, WebParts


def make_room(parts: WebParts) -> Room:
    """The routes, which ask for a secret of their own; none where there is no such secret."""
    if parts.settings.analysis_secret is None:
        return Room(routes=())
    from plugin.web.analysis.routes import PATH, AnalysisRoutes

    made = AnalysisRoutes(parts.settings, parts.store, parts.clock)
    return Room(routes=tuple(made.routes()), own_access=(PATH,))
