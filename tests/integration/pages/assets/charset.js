"use strict";

const OF_SCRIPT = "ж";
