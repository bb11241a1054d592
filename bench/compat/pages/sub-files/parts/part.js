document.querySelector("#d").style.background="#f0f"
