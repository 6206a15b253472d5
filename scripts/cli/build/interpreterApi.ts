/** What the interpreter offers, by class and library: names of functions, variables and events.
 *  Source: interpreter 2v29 build description (every board; a small board has less). */
export const interpreterApi: Record<string, string> = {
  AES: "ccmDecrypt ccmEncrypt decrypt encrypt",
  Array:
    "Array concat every fill filter find findIndex forEach includes indexOf isArray join length " +
    "map pop push reduce reverse shift slice some sort splice toString unshift",
  ArrayBuffer: "ArrayBuffer byteLength",
  ArrayBufferView:
    "buffer byteLength byteOffset every fill filter find findIndex forEach includes indexOf " +
    "join map reduce reverse set slice some sort subarray",
  Bluetooth: "setConsole",
  BluetoothDevice:
    "gatt gattserverdisconnected mtu passkey passkeyRequest phy phy_req rssi sendPasskey",
  BluetoothGATTServer: "rssi",
  BluetoothRemoteGATTCharacteristic:
    "characteristicvaluechanged readValue service startNotifications stopNotifications " +
    "writeValue",
  BluetoothRemoteGATTServer:
    "connect connected disconnect getPrimaryService getPrimaryServices getSecurityStatus handle " +
    "setRSSIHandler startBonding updateConnection",
  BluetoothRemoteGATTService: "device getCharacteristic getCharacteristics",
  Boolean: "Boolean",
  CC3000: "connect",
  DataView:
    "DataView getFloat32 getFloat64 getInt16 getInt32 getInt8 getUint16 getUint32 getUint8 " +
    "setFloat32 setFloat64 setInt16 setInt32 setInt8 setUint16 setUint32 setUint8",
  Date:
    "Date getDate getDay getFullYear getHours getIsDST getMilliseconds getMinutes getMonth " +
    "getSeconds getTime getTimezoneOffset getUTCDate getUTCDay getUTCFullYear getUTCHours " +
    "getUTCMilliseconds getUTCMinutes getUTCMonth getUTCSeconds now parse setDate setFullYear " +
    "setHours setMilliseconds setMinutes setMonth setSeconds setTime toISOString toJSON " +
    "toLocalISOString toString toUTCString valueOf",
  E:
    "AMS ANCS CRC32 FFT HSBtoRGB asUTF8 asm clip comparator compiledC connectSDCard convolve " +
    "decodeUTF8 defrag dumpFragmentation dumpFreeList dumpLockedVars dumpStr dumpVariables " +
    "enableWatchdog errorFlag fromUTF8 getAddressOf getAnalogVRef getBattery getClock " +
    "getConsole getErrorFlags getFlags getPowerUsage getRTCPrescaler getSizeOf getTemperature " +
    "getVDDH hwRand init internal isUTF8 kickWatchdog kill lockConsole lookupNoCase mapInPlace " +
    "memoryArea memoryMap nativeCall openFile packet packetUpload pipe reboot rebootToDFU " +
    "reverseByte sendUSBHID setBootCode setClock setComparator setConsole setDST setFlags " +
    "setPassword setRTCPrescaler setTimeZone setUSBHID srand stopEventPropagation sum " +
    "toArrayBuffer toFlatString toJS toString toUint8Array touch unmountSD variance",
  ESP32:
    "deepSleep deepSleepExt0 deepSleepExt1 enableBLE enableWifi getState getWakeupCause " +
    "getWakeupPin lightSleep reboot setAtten setBLE_Debug setOTAValid",
  ESP8266:
    "crc32 deepSleep dumpSocketInfo getFreeFlash getResetInfo getState logDebug neopixelWrite " +
    "ping printLog readLog reboot setCPUFreq setLog",
  Error: "Error toString",
  Ethernet: "getHostname getIP getStatus setHostname setIP",
  File: "close pipe read seek skip write",
  Flash: "erasePage getFree getPage read write",
  Float32Array: "Float32Array",
  Float64Array: "Float64Array",
  Function: "Function apply bind call replaceWith",
  I2C: "I2C find readFrom readReg setup writeTo",
  Int16Array: "Int16Array",
  Int32Array: "Int32Array",
  Int8Array: "Int8Array",
  InternalError: "InternalError toString",
  JSON: "parse stringify",
  Math:
    "E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos asin atan atan2 ceil clip cos exp floor " +
    "log max min pow randInt random round sign sin sqrt tan wrap",
  Modules: "addCached getCached removeAllCached removeCached",
  NRF:
    "CTS HID NFCoff NFCon NFCrx advertising amsCommand amsGetPlayerInfo amsGetTrackInfo " +
    "amsIsActive ancsAction ancsGetAppInfo ancsGetNotificationInfo ancsIsActive bond " +
    "characteristicsDiscover connect ctsGetTime ctsIsActive disconnect eraseBonds error " +
    "filterDevices findDevices getAddress getAdvertisingData getAdvertisingName getBattery " +
    "getSecurityStatus mtu nfcAndroidApp nfcPair nfcRaw nfcSend nfcStart nfcStop nfcURL passkey " +
    "phy phy_req requestDevice resolveAddress restart security sendHIDReport servicesDiscover " +
    "setAddress setAdvertising setConnectionInterval setRSSIHandler setScan setScanResponse " +
    "setSecurity setServices setTxPower setWhitelist sleep startBonding updateConnection " +
    "updateServices wake",
  NetworkJS: "create",
  NodeMCU: "A0 D0 D1 D10 D2 D3 D4 D5 D6 D7 D8 D9",
  Nucleo: "A0 A1 A2 A3 A4 A5 D0 D1 D10 D11 D12 D13 D14 D15 D2 D3 D4 D5 D6 D7 D8 D9",
  Number: "MAX_VALUE MIN_VALUE NEGATIVE_INFINITY NaN Number POSITIVE_INFINITY toFixed",
  Object:
    "Object addListener assign clone create defineProperties defineProperty emit entries " +
    "fromEntries getOwnPropertyDescriptor getOwnPropertyDescriptors getOwnPropertyNames " +
    "getPrototypeOf hasOwnProperty keys length on prependListener removeAllListeners " +
    "removeListener setPrototypeOf toString valueOf values",
  OneWire: "OneWire read reset search select skip write",
  Pin: "Pin analog getInfo getMode mode pulse pwm read reset set toggle write",
  Promise: "Promise all catch reject resolve then",
  Queue: "Queue log read writeChar",
  Qwiic: "i2c setPower",
  ReferenceError: "ReferenceError toString",
  RegExp: "RegExp exec test",
  SPI: "SPI find send send4bit send8bit setup write",
  Serial:
    "Serial available data find flush framing inject isConnected parity pipe print println read " +
    "setConsole setup unsetup write",
  Server: "close listen",
  Socket: "available close data drain end error pipe read write",
  Stepper: "Stepper getPosition moveTo stop",
  Storage:
    "compact debug erase eraseAll getFree getStats hash list open optimise read readArrayBuffer " +
    "readJSON write writeJSON",
  StorageFile: "erase getLength pipe read readLine write",
  String:
    "String charAt charCodeAt concat endsWith fromCharCode includes indexOf lastIndexOf length " +
    "match padEnd padStart removeAccents repeat replace replaceAll slice split startsWith " +
    "substr substring toLowerCase toUpperCase trim",
  SyntaxError: "SyntaxError toString",
  Task: "Task getCurrent log notify resume suspend",
  TelnetServer: "setOptions",
  Timer: "Timer log reschedule start",
  TypeError: "TypeError toString",
  Uint16Array: "Uint16Array",
  Uint24Array: "Uint24Array",
  Uint32Array: "Uint32Array",
  Uint8Array: "Uint8Array",
  Uint8ClampedArray: "Uint8ClampedArray",
  Unistroke: "new recognise",
  WIZnet: "connect",
  WLAN: "connect disconnect getIP reconnect setIP",
  Waveform: "Waveform buffer finish startInput startOutput stop",
  Wifi:
    "associated auth_change connect connected dhcp_timeout disconnect disconnected getAPDetails " +
    "getAPIP getDetails getHostByName getHostname getIP getStatus ping probe_recv restore save " +
    "scan setAPIP setConfig setHostname setIP setSNTP sta_joined sta_left startAP stopAP turbo",
  console: "debug error info log trace warn",
  crypto: "AES PBKDF2 SHA1 SHA224 SHA256 SHA384 SHA512",
  dgram: "createSocket",
  dgramSocket: "addMembership bind close message send",
  fs:
    "appendFile appendFileSync getFree mkdir mkdirSync mkfs pipe readFile readFileSync readdir " +
    "readdirSync statSync unlink unlinkSync writeFile writeFileSync",
  global:
    "Bluetooth CN1 HIGH I2C1 I2C2 I2C3 IRL IRLED IRR Infinity LOW LoopbackA LoopbackB ML1 ML2 " +
    "MR1 MR2 NaN P1 P3 Q SERVO SPI1 SPI2 SPI3 SPK Serial1 Serial2 Serial3 Serial4 Serial5 " +
    "Serial6 Telnet USB __FILE__ analogRead analogWrite arguments atob btoa changeInterval " +
    "clearInterval clearTimeout clearWatch decodeURIComponent digitalPulse digitalRead " +
    "digitalWrite dump echo edit encodeURIComponent eval getPinMode getSerial getTime global " +
    "globalThis isFinite isNaN led load parseFloat parseInt peek16 peek32 peek8 pinMode poke16 " +
    "poke32 poke8 print require reset save setBusyIndicator setDeepSleep setInterval " +
    "setSleepIndicator setTime setTimeout setWatch shiftOut trace",
  heatshrink: "compress decompress",
  http: "createServer get request",
  httpCRq: "drain end error write",
  httpCRs: "available close data error headers httpVersion pipe read statusCode statusMessage",
  httpSRq: "available close data headers method pipe read url",
  httpSRs: "close drain end headers setHeader write writeHead",
  httpSrv: "close listen",
  net: "connect createServer",
  process: "env memory uncaughtException version",
  timer: "add get list remove",
  tls: "connect",
  url: "parse",
};

/** Libraries that `require` finds inside the interpreter. Anything else would need a file in
 *  Storage. */
export const interpreterLibraries =
  "CC3000 ESP8266 Flash NetworkJS Storage TelnetServer WIZnet Wifi crypto dgram fs " +
  "heatshrink http net timer tls";

/** Keys of option and result objects that interpreter functions read or return.
 *  Source: jsvObjectGetChild, jsvObjectSetChild and option tables of the interpreter's sources. */
export const interpreterKeys =
  "ADCs BOARD CONSOLE EXPORTS EXPTR FEATURES GIT_COMMIT HWVERSION MANUFACTURER MODULES " +
  "NETWORK RAM FLASH SERIAL SPEED VERSION addr address advertise afterSend alignment ams " +
  "ancs analog ap appId appName authMode auth_status baud bitrate bits blocksize buf buffer " +
  "byteLength bytesize ca category cb cert certificate channel characteristic ciphers ck " +
  "clk clkPol code configurable connectable connected connectionInterval cs cts data date " +
  "debounce description device discoverable display dns edge encryptUart enumerable errors " +
  "fileBytes fileCount filter filters flags flash_binary_end flash_code_start flash_length " +
  "flow fn force free freeBytes freq func gatt gc get group groupCipher gw handle hid host " +
  "hostname htMode httpVersion id indicate input interval intr ip irq isHidden iv keepalive " +
  "key keyboard len lastState lastTime length mac mask message method mime mitm miso mode " +
  "mosi msg mtu multicastGroup multicastIp name namePrefix netmask newMode notify " +
  "offpattern oldMode onWrite oob order pairwiseCipher paired parity passkey password path " +
  "pathname pattern phy pin pins pinout port ports powersave privacy promise properties " +
  "protocol prototype pull pwm query readable reason recover repeat response rssi rx " +
  "savedMode savedSsid sck scl scannable sda search security self service serviceData " +
  "services set showName shortName size source speed ssid stack stackEndAddress stackFree " +
  "stackSize station stations state status stopbits tag target time timeout total " +
  "trashBytes tx type uart unsafeFlash deepSleep url usage uuid value values volts watch " +
  "whenConnected writable constructor call apply bind arguments manufacturer " +
  "manufacturerData";

/** Globals of the language itself that the table above does not list. */
export const languageGlobals =
  "undefined NaN Infinity arguments eval require process console JSON Math";

/** Pins and peripherals that boards define: ports, LEDs, buttons, buses. */
export const pinPattern =
  /^(?:[A-DHP]\d{1,2}|D\d{1,2}|V\d{1,2}|BTN\d?|LED\d?|(?:I2C|SPI|Serial)\d|Q\d|CN\d|Terminal)$/;

/** All names that framework code may use of the interpreter; everything else it defines itself. */
export function interpreterNames(): Set<string> {
  const words = [interpreterKeys, languageGlobals, interpreterLibraries];
  for (const [owner, members] of Object.entries(interpreterApi)) words.push(owner, members);
  return new Set(words.join(" ").split(" "));
}
