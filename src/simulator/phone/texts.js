// Every sentence a person reads on this page, in one table: Chinese, then English.

const TEXTS = {
  // Around the phone
  brand_tail: ["手机模拟器", "phone simulator"],
  phone_label: ["模拟手机", "Simulated phone"],
  panel_label: ["幕后", "Behind the scenes"],
  language_switch: ["EN", "中文"],
  language_label: ["Switch to English", "切换到中文"],
  user_menu: ["切换手机", "Switch phone"],
  user_new: ["新用户", "New user"],
  user_current: ["使用中", "in hand"],
  drawer_open: ["幕后", "Inside"],
  drawer_close: ["关闭", "Close"],
  starting_failed: ["模拟器没有应答", "The simulator does not answer"],
  nicknames: ["小雨,阿杰,林夏,晓晨,思远,佳宁,子墨,若溪", "Ada,Bo,Cleo,Dora,Emil,Fay,Gus,Hana"],

  // Panel
  tab_requests: ["请求", "Requests"],
  tab_wechat: ["微信", "WeChat"],
  tab_faults: ["故障", "Faults"],
  requests_title: ["小程序发出的请求", "What the mini program asks"],
  requests_empty: ["小程序每发一个请求，这里就多一行。", "Each request of the mini program adds a line here."],
  requests_clear: ["清空", "Clear"],
  wechat_title: ["服务器与微信之间", "Between the server and WeChat"],
  wechat_empty: ["服务器调用微信、微信通知服务器，都记在这里。", "Calls from the server to WeChat, and its notifications, are listed here."],
  wechat_unreachable: ["读不到模拟器的事件，正在重试。", "The simulator's events cannot be read; trying again."],
  request_line: ["完整路径", "Full path"],
  request_headers: ["请求头", "Request headers"],
  request_body: ["请求体", "Request body"],
  response_headers: ["响应头", "Response headers"],
  response_body: ["响应体", "Response body"],
  request_pending: ["等待中", "waiting"],
  event_out: ["服务器 → 微信", "server → WeChat"],
  event_in: ["微信 → 服务器", "WeChat → server"],
  event_lost: ["未送出", "not sent"],
  event_login_code: ["手机取得登录 code", "The phone got a login code"],
  event_phone_code: ["手机取得手机号 code", "The phone got a phone-number code"],
  event_cloud_id: ["手机取得 cloudID", "The phone got a cloudID"],
  event_subscribe_answer: ["用户答复了订阅消息", "The person answered about messages"],
  event_subscribe_message: ["微信收下一条订阅消息", "WeChat took a subscribe message"],
  event_scanned: ["手机打开了小程序码或链接", "The phone opened a code or a link"],
  event_cashier_opened: ["收银台已打开", "The cashier's sheet is open"],
  event_paid: ["用户付款成功", "The person paid"],
  event_cancelled: ["用户放弃付款", "The person cancelled"],
  event_insufficient_funds: ["余额不足", "The balance was too low"],
  event_payment_failed: ["收银台拒绝了付款", "The cashier refused the payment"],
  event_keys: ["平台密钥已变更", "The platform keys changed"],
  event_clock: ["模拟时钟已拨动", "The simulated clock moved"],
  event_faults: ["故障设置已变更", "The faults changed"],
  event_refund_decided: ["微信的退款有了结果", "WeChat ended a refund"],
  event_receipt_confirmed: ["用户确认收货", "The person confirmed the receipt"],
  event_shipping_management: ["微信变更了发货信息管理", "WeChat changed its shipping management"],
  event_rules: ["微信的规则已变更", "WeChat's rules changed"],
  event_word_phone: ["手机", "phone"],
  event_word_setting: ["设置", "setting"],
  event_word_wechat: ["微信", "WeChat"],

  // Faults
  faults_title: ["让微信出点差错", "Make WeChat fail"],
  faults_clear: ["全部恢复", "Clear all"],
  faults_failed: ["模拟器没有接受这个设置。", "The simulator did not accept this."],
  faults_other: ["另有 {n} 个由脚本设置的故障", "and {n} more set by a script"],
  faults_left: ["剩 {n} 次", "{n} left"],
  fault_group_notification: ["支付通知", "Payment notification"],
  fault_group_pay: ["支付接口", "Payment API"],
  fault_group_refund: ["退款（下一次）", "Refund (next one)"],
  fault_group_login: ["登录接口（下一次）", "Login API (next call)"],
  fault_group_keys: ["平台密钥", "Platform keys"],
  fault_notification_lost: ["丢失", "Lost"],
  fault_notification_lost_hint: ["订单照样变成已支付：手机会请服务器去查。", "The order still turns paid: the phone has the server ask."],
  fault_notification_late: ["迟到", "Late"],
  fault_notification_late_hint: ["查询先到，通知随后，什么都不再改变。", "The query comes first; the notification changes nothing more."],
  fault_notification_doubled: ["重复", "Doubled"],
  fault_notification_doubled_hint: ["同一通知来两次，只算一次。", "The same delivery twice counts once."],
  fault_notification_reordered: ["乱序", "Reordered"],
  fault_notification_reordered_hint: ["后发的先到。", "The later one arrives first."],
  fault_notification_stale: ["时间过旧", "Stale"],
  fault_notification_stale_hint: ["时间戳早于五分钟，应当拒绝。", "Dated over five minutes ago: to be refused."],
  fault_notification_future: ["时间超前", "From the future"],
  fault_notification_future_hint: ["时间戳晚于五分钟，应当拒绝。", "Dated over five minutes ahead: to be refused."],
  fault_probe_signature: ["探测签名", "Probe signature"],
  fault_probe_signature_hint: ["微信故意签错，看服务器是否真的验签。", "WeChat signs wrongly on purpose, to see who checks."],
  fault_wrong_answer_signature: ["应答签名错误", "Wrong answer signature"],
  fault_wrong_answer_signature_hint: ["应答不可信，服务器不能照办。", "The answer must not be believed."],
  fault_prepay_delay: ["下单延迟 3 秒", "Prepay delayed 3 s"],
  fault_prepay_delay_hint: ["慢，但会成功。", "Slow, but it succeeds."],
  fault_prepay_no_answer: ["下单已受理但无应答", "Prepay accepted, no answer"],
  fault_prepay_no_answer_hint: ["结果未知：服务器要查清，不能重复收款。", "Outcome unknown: the server must find out, never charge twice."],
  fault_server_error: ["微信 500", "WeChat answers 500"],
  fault_server_error_hint: ["登录和支付接口都不可用。", "Login and payment calls all fail."],
  fault_refund_not_enough: ["商户余额不足", "Merchant's balance too small"],
  fault_refund_not_enough_hint: ["稍后用同一单号再试，绝不退两次。", "Tried again later under the same number; never refunded twice."],
  fault_refund_no_answer: ["退款已受理但无应答", "Refund accepted, no answer"],
  fault_refund_no_answer_hint: ["结果未知：服务器要先查，不能换单号重退。", "Outcome unknown: the server must ask, not refund anew."],
  fault_refund_abnormal: ["退款异常", "Refund abnormal"],
  fault_refund_abnormal_hint: ["用户的卡收不了款，要有人处理。", "The payer's card cannot take it: somebody must act."],
  fault_refund_closed: ["退款关闭", "Refund closed"],
  fault_refund_closed_hint: ["没有退成，要用新单号重来。", "It did not happen: to be done anew under a new number."],
  fault_login_busy: ["-1 系统繁忙", "-1 system busy"],
  fault_login_busy_hint: ["服务器自己重试，手机毫无察觉。", "The server tries again; the phone never notices."],
  fault_login_code: ["40029 code 无效", "40029 invalid code"],
  fault_login_code_hint: ["手机换一个 code 再登录一次。", "The phone fetches a new code and logs in once more."],
  fault_login_often: ["45011 过于频繁", "45011 too frequent"],
  fault_login_often_hint: ["手机请用户稍候。", "The phone asks the user to wait."],
  fault_rotate: ["轮换平台证书", "Rotate the certificate"],
  fault_rotate_hint: ["新证书立即用于签名，旧证书仍有效。", "The new one signs from now on; the old one stays valid."],
  fault_rotated: ["已轮换", "Rotated"],

  // The phone itself
  back: ["返回", "Back"],
  reload: ["刷新页面", "Reload page"],
  home: ["回到首页", "Home"],
  cancel: ["取消", "Cancel"],
  confirm: ["确定", "OK"],
  cashier_title: ["确认付款", "Confirm payment"],
  cashier_payee: ["收款方", "Payee"],
  cashier_goods: ["商品", "For"],
  cashier_method: ["付款方式", "Pay with"],
  cashier_balance: ["零钱（模拟，不动真钱）", "Balance (simulated, no real money)"],
  cashier_pay: ["确认支付 ¥{amount}", "Pay ¥{amount}"],
  cashier_insufficient: ["假装余额不足", "Pretend the balance is too low"],
  cashier_close: ["放弃付款", "Do not pay"],

  // Shop
  shop_title: ["堰上小店", "Weir Corner"],
  shop_tagline: ["水到渠成的小日子", "Small things, flowing well"],
  tabs_label: ["主导航", "Main"],
  tab_shop: ["商店", "Shop"],
  tab_orders: ["订单", "Orders"],
  tab_notes: ["笔记", "Notes"],
  tab_me: ["我的", "Me"],
  loading: ["加载中…", "Loading…"],
  retry: ["再试一次", "Try again"],
  more: ["加载更多", "Load more"],
  no_more: ["没有更多了", "That is all"],
  shop_empty: ["货架还空着", "The shelves are empty"],
  shop_empty_hint: ["用管理接口上架商品：PUT /admin/products/{id}", "Put goods up with PUT /admin/products/{id}"],
  sold_out: ["已售罄", "Sold out"],
  stock_left: ["仅剩 {n} 件", "{n} left"],
  add: ["加一件 {title}", "Add one {title}"],
  remove: ["减一件 {title}", "Remove one {title}"],
  quantity: ["{n} 件", "{n}"],
  cart_count: ["共 {n} 件", "{n} items"],
  cart_count_one: ["共 1 件", "1 item"],
  checkout: ["去结算", "Check out"],

  // Confirm
  confirm_title: ["确认订单", "Confirm order"],
  confirm_items: ["商品", "Items"],
  confirm_empty: ["购物车是空的", "Your cart is empty"],
  go_shopping: ["去逛逛", "Go shopping"],
  note: ["备注", "Note"],
  note_placeholder: ["口味、时间、任何想说的话", "Taste, time, anything you want to say"],
  total: ["合计", "Total"],
  server_price: ["以服务器价格为准", "The server's price counts"],
  submit: ["提交订单", "Place order"],
  submitting: ["正在下单…", "Placing the order…"],
  preparing: ["正在唤起支付…", "Opening the cashier…"],

  // Result
  result_title: ["支付结果", "Payment"],
  result_confirming: ["正在确认支付", "Confirming your payment"],
  result_confirming_hint: ["服务器正在向微信查询，不必等通知。", "The server is asking WeChat; no need to wait for a notification."],
  result_paid: ["支付成功", "Paid"],
  result_paid_hint: ["谢谢光临，我们马上准备。", "Thank you. We are getting it ready."],
  result_unpaid: ["尚未支付", "Not paid yet"],
  result_unpaid_cancel: ["你取消了付款，订单为你保留。", "You cancelled. The order is kept for you."],
  result_unpaid_fail: ["这次付款没有成功，可以再付一次。", "This payment did not go through. You can pay again."],
  result_pending: ["还在确认", "Still confirming"],
  result_pending_hint: ["付款已提交，稍后再查即可，不会重复扣款。", "The payment was submitted. Check again soon; you are never charged twice."],
  result_closed: ["订单已关闭", "Order closed"],
  result_closed_hint: ["未支付的订单已关闭，若已扣款会自动退回。", "The unpaid order was closed. Money that still arrives is returned by itself."],
  check_again: ["再查一次", "Check again"],
  view_order: ["查看订单", "View order"],
  keep_shopping: ["继续逛", "Keep shopping"],
  pay_again: ["继续支付", "Pay now"],

  // Orders
  orders_title: ["我的订单", "My orders"],
  orders_filter: ["按状态筛选", "Filter by status"],
  orders_empty: ["这里还没有订单", "No orders here yet"],
  orders_signed_out: ["登录后查看订单", "Log in to see your orders"],
  status_all: ["全部", "All"],
  status_awaiting_payment: ["待支付", "To pay"],
  status_paid: ["已支付", "Paid"],
  status_closed: ["已关闭", "Closed"],
  status_partially_refunded: ["部分退款", "Part refunded"],
  status_refunded: ["已退款", "Refunded"],
  order_title: ["订单详情", "Order"],
  order_items_more: ["等 {n} 种商品", "and {n} kinds in all"],
  order_number: ["订单号", "Order number"],
  order_out_trade_no: ["商户单号", "Merchant number"],
  order_created_at: ["下单时间", "Placed"],
  order_paid_at: ["支付时间", "Paid at"],
  order_closed_at: ["关闭时间", "Closed at"],
  order_shipped_at: ["发货时间", "Shipped"],
  order_expires: ["请在 {time} 内支付", "Pay within {time}"],
  order_refunding: ["退款中", "Refund on its way"],
  order_refunded: ["已退", "Refunded"],
  order_copied: ["已复制", "Copied"],
  order_copy: ["复制", "Copy"],
  order_sync: ["查询支付", "Check"],
  order_synced: ["已是最新：{status}", "Up to date: {status}"],
  order_close: ["关闭订单", "Close"],
  order_close_title: ["关闭订单", "Close this order"],
  order_close_sure: ["关闭后不能再支付，确定吗？", "A closed order cannot be paid. Close it?"],
  order_closed_now: ["订单已关闭", "Order closed"],

  // Notebook
  notes_title: ["笔记本", "Notebook"],
  notes_new: ["记一笔", "A new note"],
  notes_placeholder: ["想到什么就写什么", "Whatever comes to mind"],
  notes_add: ["保存笔记", "Keep it"],
  notes_adding: ["正在保存…", "Keeping…"],
  notes_added: ["已记下", "Kept"],
  notes_hint: ["笔记直接存进集合，没有一行后端代码。", "Notes go straight into a collection; no backend was written."],
  notes_empty: ["还没有笔记", "No notes yet"],
  notes_signed_out: ["登录后查看笔记", "Log in to see your notes"],
  notes_edit: ["编辑", "Edit"],
  notes_edit_label: ["修改笔记", "Edit this note"],
  notes_save: ["保存", "Save"],
  notes_saved: ["已保存", "Saved"],
  notes_delete: ["删除", "Delete"],
  notes_delete_sure: ["删除后找不回来，确定吗？", "A deleted note is gone for good. Delete it?"],
  notes_deleted: ["已删除", "Deleted"],
  notes_version: ["第 {n} 版", "version {n}"],

  // Me
  me_title: ["我的", "Me"],
  me_signed_out: ["尚未登录", "Not logged in"],
  me_signed_out_hint: ["一键登录，不用密码。", "One tap, no password."],
  login: ["微信登录", "Log in with WeChat"],
  logging_in: ["正在登录…", "Logging in…"],
  logged_in: ["已登录", "Logged in"],
  me_welcome: ["初次见面，欢迎！", "Welcome, nice to meet you!"],
  me_nickname: ["昵称", "Nickname"],
  me_no_nickname: ["给自己起个名字", "Choose a name"],
  me_save: ["保存", "Save"],
  me_saved: ["已保存", "Saved"],
  me_id: ["用户编号", "User id"],
  me_phone: ["手机号", "Phone number"],
  phone_none: ["还没有绑定", "Not given yet"],
  phone_give: ["绑定手机号", "Give number"],
  phone_change: ["更换手机号", "Change number"],
  phone_kept: ["手机号已保存", "Number kept"],
  phone_ask: ["“堰上小店”申请获取你的手机号", "Weir Corner asks for your phone number"],
  phone_allow: ["允许", "Allow"],
  subscribe_ask: ["“堰上小店”申请给你发送订单通知", "Weir Corner asks to message you about your orders"],
  subscribe_ask_hint: ["支付成功通知、退款通知，各一条", "Order paid and refund, one message each"],
  messages_title: ["订单通知", "Order messages"],
  messages_hint: ["每同意一次，可以收到一条。", "Each time you agree allows one message."],
  messages_left: ["还可以收到 {n} 条", "{n} more allowed"],
  messages_allow: ["允许通知我", "Message me"],
  steps_title: ["微信运动", "WeRun steps"],
  steps_hint: ["微信加密步数，服务器解密。", "WeChat encrypts the steps, the server opens them."],
  steps_read: ["读取步数", "Read my steps"],
  steps_today: ["今天 {n} 步", "{n} steps today"],
  me_since: ["注册于", "Since"],
  me_orders: ["我的订单", "My orders"],
  logout: ["退出这台手机", "Log out of this phone"],
  logout_everywhere: ["退出所有手机", "Log out everywhere"],
  logout_everywhere_sure: ["所有手机上的登录都会立即失效，确定吗？", "Every phone is logged out at once. Go on?"],
  logged_out: ["已退出", "Logged out"],

  // One sentence per code of the server's problem documents
  problem_unauthenticated: ["请先登录。", "Please log in first."],
  problem_session_expired: ["登录已过期，请重新登录。", "Your login has expired. Please log in again."],
  problem_session_key_stale: ["请重新登录后再试。", "Please log in again and retry."],
  problem_open_data_invalid: ["数据不完整，请再试一次。", "The data was not whole. Please try again."],
  problem_phone_code_invalid: ["手机号没有取到，请再点一次按钮。", "The number did not come through. Please tap the button again."],
  problem_login_code_invalid: ["登录没有成功，请再试一次。", "The login did not work. Please try again."],
  problem_login_blocked: ["这个账号暂时不能登录。", "This account cannot log in for now."],
  problem_rate_limited: ["操作太频繁，请稍候再试。", "Too many tries. Please wait a moment."],
  problem_wechat_unavailable: ["微信暂时不可用，请稍后再试。", "WeChat is unavailable. Please try again soon."],
  problem_wechat_timeout: ["微信没有及时应答，请稍后再试。", "WeChat did not answer in time. Please try again."],
  problem_wechat_rejected: ["微信拒绝了这次操作，请联系店家。", "WeChat refused this. Please contact the shop."],
  problem_unavailable: ["服务暂时不可用，请稍后再试。", "The service is down for a moment. Please try again."],
  problem_payment_not_configured: ["本店还没有开通支付。", "This shop does not take payments yet."],
  problem_order_not_found: ["找不到这个订单。", "This order cannot be found."],
  problem_order_state_conflict: ["订单状态已变化，请看最新状态。", "The order has changed meanwhile. Here is how it stands."],
  problem_order_expired: ["订单已超过支付时限，请重新下单。", "The order has expired. Please place a new one."],
  problem_stock_insufficient: ["库存不足，请减少数量。", "Not enough in stock. Please take fewer."],
  problem_collection_not_found: ["服务器上没有这个集合，请店家先声明。", "The server has no such collection. The operator declares it first."],
  problem_document_not_found: ["这条内容已经不在了。", "This is not there any more."],
  problem_document_invalid: ["内容是空的，或者超过了 500 个字。", "It is empty, or longer than 500 characters."],
  problem_document_forbidden: ["这条内容你不能修改。", "This is not yours to change."],
  problem_document_quota_reached: ["已经存满了，先删掉一些吧。", "There is no room left. Delete some first."],
  problem_version_conflict: ["它刚在别处被改过，请看最新内容再改。", "It was changed elsewhere. Here is how it stands now."],
  problem_product_not_found: ["商品已下架。", "This item is no longer sold."],
  problem_idempotency_key_reused: ["订单内容变了，请再提交一次。", "The order has changed. Please submit it again."],
  problem_idempotency_key_missing: ["请求不完整，请更新小程序。", "The request was incomplete. Please update the mini program."],
  problem_request_in_progress: ["上一次提交还在处理，请稍候。", "The last tap is still being handled. Please wait."],
  problem_validation_failed: ["填写的内容不符合要求。", "Something you entered is not allowed."],
  problem_content_rejected: ["内容未通过微信的安全检查，请修改后再试。", "WeChat finds this text unfit. Please change it and try again."],
  problem_payload_too_large: ["内容太长了。", "That is too long."],
  problem_not_found: ["找不到这个内容。", "This cannot be found."],
  problem_wait: ["请等 {n} 秒。", "Wait {n} s."],
  problem_unknown: ["出了点问题，请稍后再试。", "Something went wrong. Please try again."],
  problem_network: ["网络不通，请检查后再试。", "No connection. Please check and try again."],
  problem_timeout: ["等了太久没有应答，请再试一次。", "No answer for too long. Please try again."],
};

const KEY = "weir.phone.language";
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

/** Whether the table has this key: codes of the server may be newer than this page. */
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

export function onLanguage(listener) {
  listeners.add(listener);
}

/** Fills the static markup: `data-text` is the text, `data-label` the accessible name. */
export function fillTexts(root) {
  document.documentElement.lang = locale();
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
}
