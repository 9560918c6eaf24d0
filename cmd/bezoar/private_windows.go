package main

func leaveNoCore() {} // Windows Error Reporting is the administrator's
