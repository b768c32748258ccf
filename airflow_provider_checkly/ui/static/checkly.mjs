// The tab "Checkly" of Airflow's UI: a plain React component, which Airflow finds on globalThis by its name.
import { HistoryTab } from "./history.mjs";
import { TaskTab } from "./task.mjs";

globalThis.Checkly = globalThis.AirflowPlugin = function Checkly(props) {
  const key = [props.dagId, props.runId, props.taskId, props.mapIndex].join();
  return globalThis.React.createElement(props.runId ? TaskTab : HistoryTab, { ...props, key });
};
