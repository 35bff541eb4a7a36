// Every sentence a person reads on this page, in one table: Chinese, then English. What the server says of what
// happened is shown as it says it.

const TEXTS = {
  // Around the views
  brand_tail: ["控制台", "console"],
  skip: ["跳到内容", "Skip to the content"],
  nav_label: ["页面", "Views"],
  language_switch: ["EN", "中文"],
  language_label: ["Switch to English", "切换到中文"],
  sign_in: ["登录", "Sign in"],
  sign_in_words: ["请输入本服务器的管理令牌（ADMIN_TOKEN）。", "Enter the admin token of this server (ADMIN_TOKEN)."],
  sign_out: ["退出", "Sign out"],
  token: ["管理令牌", "Admin token"],
  token_hint: ["只保存在这个标签页里，关闭后即忘记。", "Kept in this tab alone, and forgotten when it is closed."],
  token_wrong: ["服务器不接受这个令牌。", "The server does not take this token."],
  token_refused: ["服务器不再接受令牌，请重新登录。", "The server does not take the token any more. Please sign in again."],
  nav_health: ["健康", "Health"],
  nav_orders: ["订单", "Orders"],
  nav_exceptions: ["异常", "Exceptions"],
  nav_notifications: ["通知", "Notifications"],
  nav_reconciliations: ["对账", "Reconciliations"],
  nav_events: ["事件", "Events"],
  nav_products: ["商品", "Products"],
  nav_users: ["用户", "Users"],
  one_health: ["健康", "Health"],
  one_orders: ["订单详情", "Order"],
  one_exceptions: ["异常", "Exceptions"],
  one_notifications: ["通知详情", "Notification"],
  one_reconciliations: ["对账结果", "Reconciliation"],
  one_events: ["事件", "Events"],
  one_products: ["商品", "Products"],
  one_users: ["用户详情", "User"],

  // Everywhere
  loading: ["读取中…", "Loading…"],
  nothing: ["没有内容。", "Nothing here."],
  any: ["全部", "All"],
  yes: ["是", "yes"],
  no: ["否", "no"],
  open: ["打开", "Open"],
  search: ["查询", "Search"],
  refresh: ["刷新", "Refresh"],
  cancel: ["取消", "Cancel"],
  change: ["修改", "Change"],
  remove: ["删除", "Remove"],
  actions: ["操作", "Actions"],
  copy: ["复制", "Copy"],
  copied: ["已复制", "Copied"],
  selected: ["已选中，请手动复制", "Selected: copy it by hand"],
  pages: ["分页", "Pages"],
  page_first: ["首页", "First page"],
  page_next: ["下一页", "Next page"],
  figures: ["数据", "Figures"],
  name: ["名称", "Name"],
  value: ["值", "Value"],
  kind: ["类型", "Kind"],
  status: ["状态", "Status"],
  sum: ["金额", "Sum"],
  sum_yuan: ["金额（元）", "Sum in yuan"],
  sum_wrong: ["请输入金额，单位为元，最多两位小数，例如 12.50。", "Enter a sum in yuan with two decimals at the most, such as 12.50."],
  order: ["订单", "Order"],
  order_id: ["订单 ID", "Order id"],
  user_id: ["用户 ID", "User id"],
  app_id: ["小程序", "Mini program"],
  made_at: ["创建时间", "Made"],
  ended_at: ["结束时间", "Ended"],
  failure_code: ["失败代码", "Failure"],
  error_network: ["没有收到服务器的答复，结果未知。请检查网络后再试。", "The server did not answer, so the outcome is unknown. Check the network and try again."],
  error_rate: ["请求过多，请在 {s} 秒后再试。", "Too many requests. Try again in {s} seconds."],

  // Health
  version: ["版本", "Version"],
  uptime: ["已运行", "Up for"],
  as_of: ["截至", "As of"],
  check_database: ["数据库", "Database"],
  check_migrations: ["迁移", "Migrations"],
  check_access_tokens: ["接口调用凭据", "Access tokens"],
  check_pay_keys: ["微信支付密钥", "Keys of WeChat Pay"],
  check_notifications: ["通知", "Notifications"],
  check_orders: ["订单", "Orders"],
  check_refunds: ["退款", "Refunds"],
  check_shipments: ["发货", "Shipments"],
  check_events: ["事件", "Events"],
  check_push: ["消息推送", "Message push"],
  check_files: ["文件", "Files"],
  check_data_keys: ["数据密钥", "Data keys"],
  check_clock: ["时钟", "Clock"],

  // States
  state_ok: ["正常", "ok"],
  state_degraded: ["需留意", "degraded"],
  state_down: ["不可用", "down"],
  state_awaiting_payment: ["待支付", "awaiting payment"],
  state_paid: ["已支付", "paid"],
  state_closed: ["已关闭", "closed"],
  state_partially_refunded: ["部分退款", "partially refunded"],
  state_refunded: ["已退款", "refunded"],
  state_open: ["未处理", "open"],
  state_resolved: ["已处理", "resolved"],
  state_processing: ["处理中", "processing"],
  state_succeeded: ["成功", "succeeded"],
  state_abnormal: ["异常", "abnormal"],
  state_running: ["进行中", "running"],
  state_balanced: ["已平", "balanced"],
  state_differing: ["有差异", "differing"],
  state_failed: ["失败", "failed"],
  state_uploaded: ["已上传", "uploaded"],
  state_refused: ["被拒绝", "refused"],
  state_unlisted: ["未上架", "not shown"],

  // Orders
  goods: ["商品", "Goods"],
  out_trade_no: ["商户单号", "Order number at WeChat"],
  out_trade_no_hint: ["微信账单里的“商户单号”", "“Merchant order number” on the customer's receipt"],
  transaction_id: ["微信支付单号", "WeChat's payment number"],
  transaction_id_hint: ["微信账单里的“交易单号”", "“Transaction number” on the customer's receipt"],
  id_wrong: ["订单 ID 不完整。", "That is no whole order id."],
  made_from: ["创建不早于", "Made from"],
  made_before: ["创建早于", "Made before"],
  went_back: ["已退", "Went back"],
  going_back: ["退款中", "On its way back"],
  paid_at: ["支付时间", "Paid"],
  closed_at: ["关闭时间", "Closed"],
  expires_at: ["过期时间", "Expires"],
  shipped_at: ["发货时间", "Shipped"],
  unit_price: ["单价", "Price of one"],
  quantity: ["数量", "Quantity"],
  attempts: ["支付尝试", "Tries to pay"],
  timeline: ["经过", "What happened"],
  timeline_cut: ["只显示最新的 500 条。", "Only the newest 500 are shown."],
  see_notification: ["查看通知", "See the notification"],
  see_exception: ["查看异常", "See the exception"],
  see_event: ["重新发送事件", "Send the event again"],
  kind_order_placed: ["下单", "Order placed"],
  kind_payment_started: ["开始支付", "Payment started"],
  kind_payment_offered: ["可以支付", "Payment offered"],
  kind_payment_ended: ["支付结束", "Payment ended"],
  kind_page_asked: ["页面查询", "Page asked"],
  kind_wechat_asked: ["询问微信", "WeChat asked"],
  kind_wechat_told: ["微信告知", "WeChat told"],
  kind_notification: ["收到通知", "Notification"],
  kind_money_landed: ["到账", "Money landed"],
  kind_order_moved: ["订单状态变更", "Order moved"],
  kind_order_shipped: ["已发货", "Order shipped"],
  kind_refund_wanted: ["申请退款", "Refund wanted"],
  kind_refund_arrived: ["退款到账", "Refund arrived"],
  kind_refund_stuck: ["退款受阻", "Refund stuck"],
  kind_shipment_told: ["填写发货", "Shipment told"],
  kind_shipment_ended: ["发货信息结束", "Shipment ended"],
  kind_event_told: ["事件通知", "Event told"],
  kind_exception: ["出现异常", "Exception opened"],
  kind_exception_resolved: ["异常已处理", "Exception resolved"],

  // Refunds
  refunds: ["退款", "Refunds"],
  refund_open: ["退款", "Refund"],
  refund_left: ["还可退 {sum}。", "{sum} can go back."],
  refund_reason: ["原因", "Reason"],
  refund_reason_hint: ["付款人会看到", "The payer reads it"],
  refund_no_reason: ["未填写原因。", "No reason given."],
  refund_transaction: ["另一笔支付", "Another payment"],
  refund_transaction_hint: ["仅用于退还多付的款：填写微信支付单号", "Only for money paid on top: WeChat's payment number"],
  restock: ["退款成功后恢复库存", "Put the goods back into stock when it succeeds"],
  refund_next: ["继续…", "Continue…"],
  refund_confirm: ["退款 {sum}？", "Refund {sum}?"],
  refund_confirm_words: ["将从总额 {total} 的订单退还 {sum} 给付款人，不可撤回。", "{sum} of the order's {total} goes back to the payer. This cannot be undone."],
  refund_yes: ["退款 {sum}", "Refund {sum}"],
  refund_taken: ["已受理退款 {sum}", "Refund of {sum} taken"],
  refund_key_reused: [
    "此前内容不同的一次退款已被受理。请刷新查看经过，再决定是否重新退款。",
    "An earlier try with other contents was taken. Refresh, look at what happened, and decide whether to refund again.",
  ],
  cause_operator: ["运营人员", "operator"],
  cause_surplus: ["多付的款", "money paid on top"],
  wanted_at: ["申请时间", "Wanted"],
  arrived_at: ["到账时间", "Arrived"],
  out_refund_no: ["退款单号", "Refund number"],

  // Shipments
  shipment: ["发货", "Shipment"],
  shipment_open: ["填写发货", "Tell the shipment"],
  shipment_words: ["微信会收到发货信息。已完整发货后再次填写是更正，微信只接受一次。", "WeChat is told. What follows a complete shipment corrects it, which WeChat takes once."],
  shipment_yes: ["提交", "Tell WeChat"],
  shipment_taken: ["已记录发货", "Shipment taken down"],
  shipment_none: ["尚未发货。", "Nothing was sent yet."],
  shipment_calls: ["全部记录", "All that was said"],
  shipment_kind: ["方式", "How"],
  shipment_complete: ["已全部发出", "All of the order is sent"],
  ship_express: ["快递", "Express"],
  ship_local: ["同城配送", "Within the city"],
  ship_virtual: ["虚拟商品", "Virtual goods"],
  ship_pickup: ["自提", "Pickup"],
  parcel: ["包裹", "Parcel"],
  parcel_more: ["再加一个包裹", "One more parcel"],
  parcel_description: ["内容", "Contents"],
  tracking_no: ["运单号", "Tracking number"],
  carrier: ["快递公司", "Carrier"],
  carrier_hint: ["微信的公司编码，例如 SF、STO", "WeChat's id of it, such as SF or STO"],
  receiver_contact: ["收件人联系方式", "Receiver's contact"],
  receiver_contact_hint: ["仅顺丰需要；留空则用买家的手机号", "SF alone wants it; empty: the buyer's phone number"],

  // Exceptions
  exceptions_none: ["没有异常。", "No exceptions."],
  evidence: ["依据", "Evidence"],
  resolve: ["处理", "Resolve"],
  resolved: ["已处理", "Resolved"],
  resolved_at: ["处理时间", "Resolved"],
  resolution: ["处理说明", "What was done"],
  resolution_hint: ["留给以后查看的人", "For whoever asks later"],
  resolution_missing: ["请写明做了什么。", "Say what was done."],
  resolve_event_undelivered: ["处理后将放弃这条事件，同一订单后面的事件会继续发送。", "This gives the event up; later events of its order are delivered."],
  resolve_refund_waiting: ["将询问微信；微信不知道的退款会被取消。", "WeChat is asked, and a refund that it does not know is called off."],
  exception_unknown_order: ["未知订单的付款", "Payment for an unknown order"],
  exception_amount_mismatch: ["金额不符", "Other amount"],
  exception_app_mismatch: ["小程序不符", "Other mini program"],
  exception_merchant_mismatch: ["商户不符", "Other merchant"],
  exception_currency_mismatch: ["币种不符", "Other currency"],
  exception_second_transaction: ["同一次支付出现第二个单号", "A second number for one payment"],
  exception_transaction_reused: ["支付单号已用于别的订单", "Payment number already used"],
  exception_double_payment: ["重复付款", "Paid twice"],
  exception_paid_after_close: ["关闭后付款", "Paid after it was closed"],
  exception_unreadable_payment: ["无法读懂的付款消息", "Payment that cannot be read"],
  exception_refund_closed: ["退款被关闭", "Refund closed"],
  exception_refund_abnormal: ["退款异常", "Refund abnormal"],
  exception_refund_waiting: ["退款等待中", "Refund waiting"],
  exception_refund_mismatch: ["退款内容不符", "Other figures for a refund"],
  exception_refund_contradiction: ["退款前后说法矛盾", "Refund contradicts itself"],
  exception_unknown_refund: ["账上没有的退款", "Refund that the books lack"],
  exception_unreadable_refund: ["无法读懂的退款消息", "Refund that cannot be read"],
  exception_shipment_refused: ["发货信息被拒", "Shipment refused"],
  exception_event_undelivered: ["事件未送达", "Event undelivered"],
  exception_reconciliation_missing_here: ["账单有、账上没有", "In the bill, not in the books"],
  exception_reconciliation_missing_there: ["账上有、账单没有", "In the books, not in the bill"],
  exception_reconciliation_amount: ["对账：金额不符", "Bill: other amount"],
  exception_reconciliation_state: ["对账：状态或单号不符", "Bill: other state or number"],
  exception_reconciliation_refund: ["对账：退款不符", "Bill: other refund"],
  exception_reconciliation_fee: ["对账：资金变动不符", "Bill: the account moved otherwise"],
  exception_reconciliation_foreign: ["对账：有其他系统的收款", "Bill: payments of another system"],
  exception_reconciliation_overflow: ["对账：差异过多，未全部列出", "Bill: more differences than are listed"],
  exception_reconciliation_incomplete: ["对账未能完成", "A day could not be compared"],

  // Notifications
  received_at: ["收到时间", "Arrived"],
  received_from: ["收到不早于", "Arrived from"],
  received_before: ["收到早于", "Arrived before"],
  verdict: ["结论", "Verdict"],
  verdict_hint: ["例如 settled、signature_wrong", "Such as settled or signature_wrong"],
  moved: ["引起的变更", "What it moved"],
  source: ["来源", "From"],
  was_replayed: ["重新处理", "run again"],
  wechat_clock: ["按微信时钟", "By WeChat's clock"],
  believed: ["可信", "Believed"],
  notify_id: ["通知 ID", "Notification's id"],
  serial: ["签名密钥", "Signed with"],
  replay_of: ["原通知", "Run again from"],
  replayed_by: ["操作者", "Run again by"],
  headers: ["请求头", "Headers"],
  body: ["内容", "Body"],
  body_cut: ["内容已截断。", "The body is cut."],
  replay: ["重新处理", "Run it again"],
  replay_words: ["先试运行，查看会改变什么；看过之后才能真正执行。", "Dry first: see what it would change. Only then it can be applied."],
  replay_dry: ["试运行", "Dry run"],
  replay_apply: ["真正执行", "Apply"],
  replay_apply_words: ["账目将按试运行的结果改变。", "The books will change as the dry run said."],
  replay_applied: ["已执行", "Applied"],
  replay_nothing: ["没有任何改变。", "Nothing changes."],
  replay_changes: ["改变", "Changes"],
  applied: ["已执行", "Applied"],
  what: ["对象", "What"],
  before: ["之前", "Before"],
  after: ["之后", "After"],

  // Reconciliations
  bill_date: ["账单日", "Day"],
  bill_date_hint: ["北京时间的一天，已经结束", "A day in China that is over"],
  reconcile_begin: ["开始对账", "Compare"],
  reconcile_begun: ["已开始对账", "Begun"],
  differences: ["差异", "Differences"],
  payments: ["支付", "Payments"],
  foreign: ["其他系统", "Of other systems"],
  movements: ["资金流水", "Movements of funds"],
  tries: ["尝试次数", "Tries"],
  next_try_at: ["下次尝试", "Next try"],
  ours: ["我方", "Ours"],
  theirs: ["微信", "WeChat's"],
  proposed_action: ["建议", "What to do"],
  difference_missing_here: ["我方缺失", "Missing here"],
  difference_missing_there: ["微信缺失", "Missing there"],
  difference_amount: ["金额", "Amount"],
  difference_state: ["状态", "State"],
  difference_refund: ["退款", "Refund"],
  difference_fee: ["手续费", "Fee"],

  // Events
  event_id: ["事件 ID", "Event id"],
  events_parked: ["查看停放的事件", "See the parked ones"],
  events_resend: ["重新发送", "Send again"],
  events_resend_parked: ["重新发送停放的事件", "Send parked events again"],
  events_resend_words: ["接收方恢复之后使用，最早的先发。", "After the receiver is back. The oldest go first."],
  events_resend_one: ["重新发送一条事件", "Send one event again"],
  events_limit: ["最多几条", "How many at the most"],
  events_pending: ["{n} 条事件将被发送", "{n} to be sent"],

  // Products
  title: ["名称", "Title"],
  price: ["价格", "Price"],
  price_yuan: ["价格（元）", "Price in yuan"],
  stock: ["库存", "Stock"],
  stock_hint: ["留空表示不限", "Empty: without limit"],
  stock_wrong: ["库存应为整数，或留空。", "The stock is a whole number, or empty."],
  unlimited: ["不限", "without limit"],
  image_url: ["图片地址", "Picture's address"],
  is_listed: ["上架", "Shown and for sale"],
  stock_moved: [
    "其间有买卖，库存现为 {stock}。请核对后再保存。",
    "There were sales meanwhile: the stock is {stock} now. Look at yours again, then keep it.",
  ],
  product_id: ["商品 ID", "Product id"],
  product_id_hint: ["字母、数字、_ - .；已有的会被替换", "Letters, digits, _ - . — one that exists is replaced"],
  product_id_missing: ["请填写商品 ID。", "The product needs an id."],
  product_new: ["新商品", "New product"],
  product_keep: ["保存", "Keep"],
  product_kept: ["已保存", "Kept"],
  product_remove: ["删除商品", "Remove the product"],
  product_remove_words: ["已有订单不受影响。", "Orders keep what they bought."],

  // Users
  nickname: ["昵称", "Nickname"],
  nameless: ["（无昵称）", "(no nickname)"],
  phone_number: ["手机号", "Phone number"],
  phone_number_hint: ["完整号码；海外号码以 + 和区号开头", "The whole number; with + and the country code unless Chinese"],
  linked: ["同一人的其他小程序", "The same person elsewhere"],
  orders_all: ["全部订单", "All orders"],
  session_key: ["会话密钥", "Session key"],
  key_words: ["用户的加密数据打不开时检查；泄露后重置。", "Check it when a user's data do not open; reset it after a leak."],
  key_check: ["检查", "Check"],
  key_reset: ["重置", "Reset"],
  key_reset_words: ["此前加密或签名的数据将无法打开，登录状态不变。", "What was encrypted or signed before opens no more. Sessions go on."],
  key_reset_done: ["已重置", "Reset"],
  key_alive: ["仍有效", "Still the user's"],
  key_obtained_at: ["取得时间", "Obtained"],
};

const KEY = "weir.console.language";
const listeners = new Set();
let column = startColumn();

function startColumn() {
  const wanted = localStorage.getItem(KEY) ?? navigator.language;
  return wanted.toLowerCase().startsWith("zh") ? 0 : 1;
}

/** The sentence of `key` in the chosen language, `{name}` replaced from `values`. */
export function t(key, values = {}) {
  const row = TEXTS[key];
  if (!row) throw new Error(`no text for ${key}`);
  return row[column].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Whether the table has this key: words of the server may be newer than this page. */
export function hasText(key) {
  return Object.hasOwn(TEXTS, key);
}

/** The BCP 47 tag of the chosen language. */
export function locale() {
  return column === 0 ? "zh-CN" : "en";
}

/** Changes to the other language, remembers it and tells everybody who draws. */
export function switchLanguage() {
  column = 1 - column;
  localStorage.setItem(KEY, locale());
  for (const listener of listeners) listener();
}

/** Who draws anew when the language changes. */
export function onLanguage(listener) {
  listeners.add(listener);
}

/** Fills the static markup: `data-text` is the text, `data-label` the accessible name. */
export function fillTexts(root) {
  document.documentElement.lang = locale();
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
}
