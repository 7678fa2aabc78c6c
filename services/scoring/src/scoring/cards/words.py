"""The card's words in Chinese and English: metrics, reasons, risk classes, features."""

from attune_contracts.features import CATALOGUE
from scoring.cards.pictures import Words

METRICS: dict[str, Words] = {
    "auc": ("AUC（排序能力）", "AUC: how well it ranks"),
    "auc_low": ("AUC 下限", "AUC, lower bound"),
    "auc_high": ("AUC 上限", "AUC, upper bound"),
    "average_precision": ("平均精确率", "average precision"),
    "ks": ("KS", "KS"),
    "top_decile_response": ("前 10% 的响应率", "response of the best tenth"),
    "lift": ("前 10% 的提升度", "lift of the best tenth"),
    "brier": ("Brier 分数（越低越好）", "Brier score, lower is better"),
    "base_rate": ("总体响应率", "response of all"),
    "rows": ("样本数", "rows"),
    "features": ("特征数", "features"),
    "accuracy": ("准确率", "accuracy"),
    "majority": ("最常见类别的占比", "share of the commonest class"),
    "log_loss": ("对数损失", "log loss"),
    "recall_top_decile": ("前 10% 找回的保留种子占比", "held-back seeds found in the best tenth"),
    "recall_top_fifth": ("前 20% 找回的保留种子占比", "held-back seeds found in the best fifth"),
    "gini": ("Gini", "Gini"),
    "effect": ("整体效果", "effect of the action"),
    "effect_low": ("整体效果下限", "effect, lower bound"),
    "effect_high": ("整体效果上限", "effect, upper bound"),
    "qini": ("Qini 系数", "Qini coefficient"),
    "qini_low": ("Qini 下限", "Qini, lower bound"),
    "qini_high": ("Qini 上限", "Qini, upper bound"),
    "top_decile_effect": ("提升最大 10% 的效果", "effect in the best tenth"),
    "propensity_top_decile_response": ("最可能购买 10% 的响应率", "response of the tenth most likely to buy"),
    "propensity_top_decile_effect": ("最可能购买 10% 的效果", "effect in the tenth most likely to buy"),
    "silhouette": ("轮廓系数", "silhouette"),
    "explained": ("解释的方差占比", "share of the variance explained"),
    "agreement_of_halves": ("两半样本结果的一致性", "agreement of two halves' clusters"),
    "repeaters": ("重复购买客户数", "customers who came back"),
    "foretold_by_came": ("预测与实际之比", "foretold by came"),
    "mean_error_days": ("平均误差（天）", "mean error in days"),
    "log_likelihood": ("对数似然", "log likelihood"),
    "test_weeks": ("留出的周数", "weeks held back"),
    "correlation": ("频率与金额的相关", "correlation of frequency and amount"),
}
CREDIT: dict[str, Words] = {
    "top_decile_response": ("得分最高 10% 的违约率", "bad in the tenth with the highest scores"),
    "lift": ("得分最高 10% 与总体违约率之比", "bad in that tenth against bad of all"),
    "base_rate": ("总体违约率", "bad of all"),
}
"""Of a model of credit, whose yes is the bad outcome, where the words differ."""
PARITY: dict[str, Words] = {
    "quantile_difference": ("分位数最大差异", "most difference of a percentile"),
    "typical_difference": ("99% 样本的差异不超过", "of 99 % of rows no more than"),
    "decision_agreement": ("决策一致的占比", "share of equal decisions"),
}
REFUSED: dict[str, Words] = {
    "known_after_outcome": ("结果发生后才可知", "known only after the outcome"),
    "after_label": ("取值晚于标签日期", "dated later than its label"),
    "protected": ("受保护属性", "a protected attribute"),
    "leak": ("单独即可推出答案，疑似泄漏", "alone tells the answer: it has seen it"),
    "constant": ("取值恒定", "always the same"),
    "weak": ("信息量不足", "tells next to nothing"),
    "contrary": ("与其他特征并用时方向相反", "beside the others its points would run the wrong way"),
}
RISK: dict[str, Words] = {
    "minimal": ("极低", "minimal"),
    "limited": ("有限", "limited"),
    "high_risk": ("高风险（须人工复核）", "high risk: a person decides"),
}
ATTRIBUTES: dict[str, Words] = {"age": ("年龄", "age"), "gender": ("性别", "gender"), "sex": ("性别", "sex")}


def of_feature(name: str) -> Words:
    """The catalogue's label of a feature; its name where it is none of the catalogue's."""
    known = CATALOGUE.get(name)
    return ATTRIBUTES.get(name, (name, name)) if known is None else (known.zh, known.en)


def of(table: dict[str, Words], name: str) -> Words:
    """The words of a name; the name itself where the table has none."""
    return table.get(name, (name, name))
