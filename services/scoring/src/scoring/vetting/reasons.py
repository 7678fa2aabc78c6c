"""Why an uploaded model is refused, in both languages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

TEXTS: Mapping[str, tuple[str, str]] = {
    "not_onnx": ("these bytes are no ONNX model", "内容不是 ONNX 模型"),
    "other_bytes": ("the bytes are not those that were uploaded", "内容与上传时不一致"),
    "invalid": ("the ONNX checker refuses it", "未通过 ONNX 规范检查"),
    "version_unknown": ("its IR or operator set version is not known here", "IR 或算子集版本不受支持"),
    "external_data": (
        "it refers to data outside the file: save it as one file", "引用了文件之外的数据，请保存为单个文件",
    ),
    "operator": (
        "it uses an operator that is not on the list: export it without",
        "使用了不在允许清单内的算子，请改用其他算子导出",
    ),
    "functions": ("it brings functions or training steps of its own", "自带函数或训练步骤"),
    "control_flow": ("it has loops, branches or graphs within", "含有循环、分支或子图"),
    "too_many_nodes": ("its graph is too large", "计算图过大"),
    "dimensions": ("a tensor's dimensions are too large or do not match its data", "张量维度过大或与数据不符"),
    "metadata": ("its texts are too long", "附带的文字过长"),
    "input": (
        "its input is not one float32 tensor of any number of rows by the manifest's features: export it so",
        "输入须为一个 float32 张量：任意行数 × 清单的特征数，请按此导出",
    ),
    "output": (
        "it does not have exactly one output, a tensor of numbers: drop the label, export without zipmap",
        "输出须恰为一个数值张量：请去掉标签输出，导出时关闭 zipmap",
    ),
    "weights": ("a weight is not a finite number: train it anew", "存在非有限数值的权重，请重新训练"),
    "does_not_load": ("the runtime cannot load or run it", "运行时无法加载或执行"),
    "answer": (
        "an answer to a probe is not what the manifest says: put an imputer in front, or declare features that are"
        " never unknown as not nullable; look at output, lowest and highest",
        "对探测行的回答与清单声明不符：请在模型前加缺失值填补，或将不缺失的特征声明为 nullable: false；并检查"
        " output、lowest、highest",
    ),
    "rows_depend": (
        "a row's answer depends on the other rows: nothing may be taken over the rows",
        "同一行的结果受其他行影响，不得跨行计算",
    ),
    "too_slow": ("a single row takes too long: make it smaller", "单行耗时过长，请缩小模型"),
    "memory": ("it wants more memory than a model may have: make it smaller", "内存占用超限，请缩小模型"),
    "time": ("it takes more time than a model may have: make it smaller", "耗时超限，请缩小模型"),
    "crashed": ("it brought its process down", "导致进程崩溃"),
}  # fmt: skip


@dataclass(frozen=True)
class Reason:
    """One reason; `detail` names the place: letters, digits and a few signs, whatever the model calls it."""

    code: str
    detail: str = ""

    def told(self) -> dict[str, str]:
        """The reason with its texts, as the registry keeps it."""
        en, zh = TEXTS[self.code]
        return {"code": self.code, "en": en, "zh": zh, "detail": clean(self.detail)}


def clean(text: str, most: int = 120) -> str:
    """A text of the model's as it may be shown: cut, and without what a page or a terminal would read."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in " _-.,:;/()[]+*") else "?" for c in text[:most])
    return kept.strip()
