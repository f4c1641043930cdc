"""Why an endpoint has nothing to show: stopped, starting, failed, no engine; and what helps."""

from __future__ import annotations

from PySide6.QtWidgets import QStackedWidget, QWidget

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.ui.pages.serving_tab import EndpointTab
from mlops_desktop.ui.queries.serving import ServingRow
from mlops_desktop.ui.queries.serving_live import LiveReading
from mlops_desktop.ui.widgets.emptystate import EmptyState


class ServedTab(EndpointTab):
    """A tab that is empty unless the endpoint serves. Subclasses give `build_content` and `show_content`."""

    def build(self) -> None:
        self.reading: LiveReading | None = None
        self.content = QWidget()
        self.state = EmptyState()
        self.state.actionTriggered.connect(self.on_state_action)
        self.layers = QStackedWidget()
        self.layers.addWidget(self.state)
        self.layers.addWidget(self.content)
        self.column.addWidget(self.layers, 1)
        self._said: tuple[str, ...] = ()
        self.build_content()

    def build_content(self) -> None:
        """Make the widgets in `content`."""
        raise NotImplementedError

    def show_content(self, row: ServingRow, reading: LiveReading) -> None:
        """Show what the endpoint does; called only while it serves."""
        raise NotImplementedError

    def on_state_action(self) -> None:
        """The button under the reason was pressed: as a rule it starts the endpoint."""
        self.page.start()

    def show_endpoint(self, row: ServingRow) -> None:
        super().show_endpoint(row)
        self._look()

    def show_live(self, reading: LiveReading) -> None:
        self.reading = reading
        self._look()

    def _look(self) -> None:
        row, reading = self.row, self.reading
        if row is None or self._tell_why_not(row, reading):
            self.layers.setCurrentWidget(self.state)
        elif reading is not None and reading.endpoint == row.endpoint.name:
            self._said = ()
            self.show_content(row, reading)

    def show_layer(self, *said: str) -> None:
        """Show the content; or, where something is said (title, text, action, icon), that instead."""
        if not said:
            self._said = ()
            self.layers.setCurrentWidget(self.content)
            return
        if said != self._said:
            self._said = said
            self.state.show_never_set_up(*said)
        self.layers.setCurrentWidget(self.state)

    def _tell_why_not(self, row: ServingRow, reading: LiveReading | None) -> bool:
        """Say why there is nothing to see; False where the endpoint serves."""
        state, name = row.endpoint.state, row.endpoint.name
        is_without_engine = reading is not None and not reading.engine.running
        key = (state.value, name, row.endpoint.reason, str(is_without_engine))
        serves = state is EndpointState.SERVING and not is_without_engine
        if serves or key == self._said:
            return not serves
        self._said = key
        if state is EndpointState.FAILED:
            reason = row.endpoint.reason or self.tr("The reason is in the workspace's logs.")
            self.state.show_error(reason, title=self.tr("{name} does not serve").format(name=name))
        elif state is EndpointState.STOPPED:
            text = self.tr("Requests are refused. What it does shows here once it serves.")
            self.state.show_never_set_up(
                self.tr("{name} is stopped").format(name=name), text, self.tr("Start"), "serving"
            )
        elif is_without_engine:
            text = self.tr(
                "The engine starts workers and keeps them up. The window brings one unless another program holds this "
                "workspace; without a window it is the command: mlops-desktop agent"
            )
            self.state.show_never_set_up(self.tr("No engine runs in this workspace"), text, "", "cpu")
        elif state is EndpointState.STOPPING:
            self.state.show_loading(self.tr("The last requests are answered."))
        else:
            self.state.show_loading(self.tr("Starting: its workers load the versions."))
        return True
